// What all experiments share: the words, the budget, the networks trained so far, and the voice.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "norm_study/batches.hpp"
#include "norm_study/naive_bayes.hpp"
#include "norm_study/narrator.hpp"
#include "norm_study/report.hpp"
#include "norm_study/training.hpp"
#include "word_lists/word_list.hpp"

namespace norm_study {

struct StudyOptions {
  std::filesystem::path dictionary{word_lists::kWordListDirectory};
  std::filesystem::path output{"norm_study_report"};
  bool quick = false, full = false;
  std::string claim = {};  // only this one; empty: all of the run's size
  std::optional<int> seeds = {};
  std::optional<std::int64_t> steps = {};
  std::uint64_t seed = 1;                             // the first; the others follow
  int threads = 0;                                    // 0: one for each core
  std::size_t train_words = 8000, test_words = 1000;  // of each language
  std::optional<bool> prompt = {};                    // otherwise where input and output are a terminal
};

/// The command that repeats a run, or one claim of it.
std::string command_text(const StudyOptions& options, std::string_view claim);

class Laboratory {
 public:
  Laboratory(const StudyOptions& options, Corpus words);

  const StudyOptions& options() const { return options_; }
  const Corpus& corpus() const { return corpus_; }
  const NaiveBayes& bayes() const { return bayes_; }
  const Baselines& baselines() const { return baselines_; }
  const Narrator& narrator() const { return narrator_; }
  int threads() const { return threads_; }

  /// The number of seeds and of steps of an experiment that has so many in the default run.
  int seeds(int in_default_run) const;
  std::int64_t steps(std::int64_t in_default_run) const;
  /// Whether trainings are long enough to be judged: longer than those of the quick run.
  bool judges() const;

  TrainOptions training(NormOptions norm, std::int64_t steps, int seed_index) const;
  /// `seeds` networks that differ in their seed alone.
  std::vector<TrainOptions> group(NormOptions norm, std::int64_t steps, int seeds) const;

  /// The networks asked for; trains those that have not been trained before, side by side.
  std::vector<const Trained*> trained(const std::vector<TrainOptions>& wanted, const std::string& label);

  /// The first seed of the main comparison, to look at closely. A copy: experiments may change modes and statistics.
  WordClassifier reference(Norm norm);
  /// "500 steps, batch 64, seed 1": the set-up of reference().
  std::string reference_setup() const;
  TrainOptions main_training(Norm norm, int seed_index) const;

  /// `count` test words in random order.
  std::vector<std::size_t> random_test_words(std::size_t count, std::uint64_t purpose) const;
  /// A test word as it is written.
  std::string word_text(std::size_t test_word) const;

 private:
  StudyOptions options_;
  Corpus corpus_;
  NaiveBayes bayes_;
  Baselines baselines_;
  Narrator narrator_;
  int threads_;
  std::map<std::string, Trained> runs_;
};

/// Accuracies of the complete runs, in points (%).
std::vector<double> points(std::span<const Trained* const> runs);
/// "62.2 ± 0.4" (standard deviation over the seeds), or "62.2" for one.
std::string points_text(std::span<const Trained* const> runs);

using Runs = std::vector<const Trained*>;  // of one kind, seed after seed

/// The rule on accuracy, a - b, over the seeds complete in both; not judged where the run or its seeds are too few.
/// "BatchNorm over 64 words − over 2" names the difference in the detail.
Verdict compare(const Laboratory& laboratory, const Runs& a, const Runs& b, std::string_view difference = "");

/// One kind of network with and without what is said to hurt it.
struct Treatment {
  Runs control, treated;
};

/// The rule on what a treatment costs `a` beyond what it costs `b`: (a's control - a's treated) - (b's control - b's
/// treated), seed by seed.
Verdict compare_losses(const Laboratory& laboratory, const Treatment& a, const Treatment& b,
                       std::string_view difference = "");

/// "confirmed, +6.5 [+5.1, +7.9] points, 3 seeds".
std::string outcome_text(const Verdict& verdict);
/// The same without what follows a semicolon, for a table's cell.
std::string cell_text(const Verdict& verdict);

/// The complete ones among the runs into the claim's seeds.
void add_seeds(Claim& claim, std::string_view condition, const Runs& runs);

inline constexpr std::string_view kSpread = "“±”, whiskers and bands: standard deviation over the seeds";

/// "400 steps, batch 64, 3 seeds".
std::string setup_text(const TrainOptions& training, int seeds);

/// The reference lines of charts of accuracy in %.
std::vector<ReferenceLine> accuracy_references(const Baselines& baselines);

Colour norm_colour(Norm norm);

/// Adds the mean accuracy at x, in points, and the seeds' standard deviation on either side; nothing without a complete
/// run.
void add_point(Series& series, double x, const Runs& runs);

/// Of all elements, in float64.
double euclidean_norm(const tapegrad::Tensor& x);

}  // namespace norm_study
