// What the study found, as plain data, and the ways to tell it: an HTML page, CSV files, a table on the terminal.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "norm_study/charts.hpp"
#include "norm_study/statistics.hpp"
#include "norm_study/word_data.hpp"
#include "word_lists/word_list.hpp"

namespace norm_study {

struct Table {
  std::vector<std::string> columns;            // the first names the rows
  std::vector<std::vector<std::string>> rows;  // as many cells as columns
};

/// One network of an experiment, trained to its end.
struct SeedResult {
  std::string norm;       // "BatchNorm"
  std::string condition;  // "batches of one length"
  std::uint64_t seed = 0;
  double accuracy = 0;  // on all test words, in [0, 1]
};

struct Claim {
  std::string id;        // "3d"
  std::string title;     // "Variable lengths hurt BatchNorm"
  std::string sentence;  // what was found, in one sentence
  std::string setup;     // "400 steps, batch 64, 3 seeds"; every number stands beside its setup
  std::string command;   // reproduces it
  Verdict verdict;
  std::string second = {};  // a comparison that the verdict does not rest on, with its numbers
  std::string spread = {};  // what "±", whiskers and bands are
  std::vector<Chart> charts;
  Table measurements;
  std::vector<SeedResult> seeds = {};  // what means and intervals are made of
};

struct CurvePoint {
  std::int64_t step = 0;
  double loss = 0;      // mean training loss since the point before
  double accuracy = 0;  // on the test words, in [0, 1]
};

struct TrainingRun {
  std::string norm;  // "LayerNorm"
  Colour colour = Colour::blue;
  std::uint64_t seed = 0;
  std::vector<CurvePoint> points;
};

/// The baselines beside every accuracy, in [0, 1].
struct Baselines {
  double naive_bayes_3 = 0, naive_bayes_5 = 0, chance = 1.0 / static_cast<double>(word_lists::kLanguages.size());
};

struct StudyResults {
  std::string title, subtitle;
  std::string command;            // of the whole run
  std::string machine;            // "2 threads, 184 s"
  bool interrupted = false;       // stopped early: what has been learnt so far
  std::vector<Claim> claims;      // in the order of their numbers
  std::vector<TrainingRun> runs;  // of the main comparison
  std::string runs_setup;         // "500 steps, batch 64, 5 seeds"
  Table setup;                    // of the main comparison's networks and trainings; empty: not told
  Baselines baselines;
  std::optional<WordData> words;      // for the table of the lists
  std::vector<std::string> findings;  // what was measured at this scale, a sentence each
};

/// The claim of that number; nullptr when there is none.
const Claim* find_claim(const StudyResults& results, std::string_view id);

/// One self-contained page: no scripts, no network. The companions (claim 4) open it, then bucketing (3d), the ghost
/// batches (3a) and the verdicts; the other claims follow. Throws tapegrad::ValueError on charts or tables whose
/// lengths do not match.
std::string render_report(const StudyResults& results);

/// Makes the folder that write_report() will write to, if need be. Throws tapegrad::IoError.
void make_folder(const std::filesystem::path& folder);

/// Writes report.html, and beside it verdicts.csv, measurements.csv (a line for each cell of each table), runs.csv (a
/// line for each trained network) and curves.csv. The folder is made; each file is replaced as a whole or not at all.
/// Throws tapegrad::IoError.
void write_report(const StudyResults& results, const std::filesystem::path& folder);

/// What the figures of trained networks mean: "±" and the intervals.
std::string_view how_to_read();

/// A field of a CSV file, quoted where RFC 4180 asks for it.
std::string csv_field(std::string_view text);

/// "✓ 3d Variable lengths hurt BatchNorm: confirmed", as soon as a verdict is known.
std::string verdict_line(const Claim& claim, bool colour);

/// The verdicts as lines of at most `columns`, which are 20 or more; below 64 the claims stand one under the other.
std::string verdict_table(const StudyResults& results, std::size_t columns, bool colour);

}  // namespace norm_study
