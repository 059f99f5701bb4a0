#include "norm_study/study.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <utility>

#include "console/interrupt.hpp"
#include "console/terminal.hpp"
#include "norm_study/claims.hpp"
#include "norm_study/prompt.hpp"
#include "norm_study/setup_table.hpp"
#include "tapegrad/base/error.hpp"
#include "word_lists/word_list.hpp"

namespace norm_study {
namespace {

using Run = Experiment::Run;

constexpr std::array<Experiment, 16> kExperiments{{
    {"4", Run::quick, "", measure_company},
    {"2", Run::quick, "", measure_modes},
    {"3d", Run::usual, "Batches of words of like length, as they are cut to save padding", measure_bucketing},
    {"1", Run::quick, "What each layer normalises over, and what padding, heads and depth do", measure_axes},
    {"3b", Run::quick, "", measure_padding},
    {"5", Run::quick, "", measure_heads},
    {"6a", Run::quick, "", measure_gradients},
    {"7", Run::quick, "", measure_invariance},
    {"3a", Run::usual, "Statistics over fewer and fewer words", measure_ghost_batches},
    {"0", Run::quick,
     "Is LayerNorm more accurate? The networks differ in their normalisation alone (the one without has no γ and β)",
     measure_accuracy},
    {"3e", Run::full, "Batches that are really small, with as many words in all", measure_true_batches},
    {"3c", Run::full, "Training with much padding", measure_padded_training},
    {"6b", Run::full, "Deeper networks", measure_convergence},
    {"6c", Run::full, "High learning rates, no warm-up", measure_learning_rates},
    {"8", Run::full, "RMSNorm, DyT, post-norm, detached statistics", measure_other_norms},
    {"9", Run::on_request, "A longer training", measure_long_training},
}};

std::string known_claims() {
  std::vector<std::string_view> ids;
  for (const Experiment& experiment : experiments()) ids.push_back(experiment.id);
  std::sort(ids.begin(), ids.end());
  return fmt::format("{}", fmt::join(ids, ", "));
}

std::vector<Experiment> chosen(const StudyOptions& options) {
  const Run size = options.quick ? Run::quick : options.full ? Run::full : Run::usual;
  std::vector<Experiment> list;
  for (const Experiment& experiment : kExperiments) {
    if (options.claim.empty() ? experiment.smallest_run <= size : experiment.id == options.claim)
      list.push_back(experiment);
  }
  if (list.empty()) {
    throw tapegrad::ValueError(
        fmt::format("[norm_study] there is no claim {}; there are {}", options.claim, known_claims()));
  }
  return list;
}

void add(StudyResults& results, Claim claim) {
  const auto place = std::find_if(results.claims.begin(), results.claims.end(),
                                  [&](const Claim& other) { return other.id > claim.id; });
  results.claims.insert(place, std::move(claim));
}

/// What was measured at this scale, in sentences that follow from the verdicts.
std::vector<std::string> findings(const StudyResults& results) {
  std::vector<std::string> sentences;
  const Claim *accuracy = find_claim(results, "0"), *company = find_claim(results, "4"),
              *bucketing = find_claim(results, "3d");
  if (company != nullptr && company->verdict.outcome == Outcome::holds) {
    std::string sentence =
        "LayerNorm's words are independent of each other, exactly; BatchNorm's are not while it trains";
    if (accuracy != nullptr && accuracy->verdict.outcome != Outcome::not_judged) {
      sentence += accuracy->verdict.outcome == Outcome::confirmed ? ", and LayerNorm is the more accurate too: "
                  : accuracy->verdict.outcome == Outcome::reversed
                      ? ". But LayerNorm wins on independence, not on accuracy: there BatchNorm is ahead, "
                      : ". But LayerNorm is not shown to be more accurate: ";
      sentence += accuracy->verdict.detail;
    }
    sentences.push_back(sentence + ".");
  }
  if (bucketing != nullptr && bucketing->verdict.outcome != Outcome::not_judged) {
    sentences.push_back(fmt::format("That batches of words of like length hurt BatchNorm more than LayerNorm: {}.",
                                    outcome_text(bucketing->verdict)));
  }
  if (accuracy != nullptr) {
    sentences.push_back(accuracy->sentence);
    if (!accuracy->second.empty()) sentences.push_back(accuracy->second);
  }
  sentences.emplace_back(
      "What each claim was measured on, and how long that was trained, if at all, stands with it in the report. What "
      "holds by construction holds everywhere, every other number for these words and networks.");
  return sentences;
}

std::vector<TrainingRun> curves(Laboratory& laboratory, const Claim* accuracy) {
  if (accuracy == nullptr) return {};
  std::vector<TrainingRun> runs;
  for (const Norm norm : {Norm::layer, Norm::batch, Norm::none}) {
    for (int s = 0; s < laboratory.seeds(5); ++s) {
      const Trained& run = *laboratory.trained({laboratory.main_training(norm, s)}, "").front();
      if (!run.curve.empty())
        runs.push_back(
            {.norm = norm_name(norm), .colour = norm_colour(norm), .seed = run.options.seed, .points = run.curve});
    }
  }
  return runs;
}

/// What stands below the curves.
std::string curves_setup(const Laboratory& laboratory, const Claim* accuracy) {
  if (accuracy == nullptr) return "";
  const auto& test = laboratory.corpus().test;
  const std::size_t words = curve_words_of(test, laboratory.main_training(Norm::layer, 0).curve_words).size();
  return accuracy->setup +
         (words == test.size()
              ? ""
              : fmt::format(", accuracy at every point on the same {} of the {} test words (the verdicts are on "
                            "all)",
                            words, test.size()));
}

void introduce(const Laboratory& laboratory, double seconds) {
  const Narrator& narrator = laboratory.narrator();
  const Corpus& corpus = laboratory.corpus();
  narrator.heading("LayerNorm or BatchNorm?");
  narrator.say(fmt::format(
      "A small transformer reads a word letter by letter and names its language. {} training and {} test words of {} "
      "languages "
      "read in {:.1f} s. The baseline to beat: naive Bayes over letter groups finds {:.1f} % (n ≤ 3) and {:.1f} % (n ≤ "
      "5); "
      "guessing finds {:.1f} %.",
      corpus.train.size(), corpus.test.size(), word_lists::kLanguages.size(), seconds,
      100 * laboratory.baselines().naive_bayes_3, 100 * laboratory.baselines().naive_bayes_5,
      100 * laboratory.baselines().chance));
  narrator.line("");
}

void offer_prompt(Laboratory& laboratory) {
  const StudyOptions& options = laboratory.options();
  const bool wanted =
      options.prompt.value_or(options.claim.empty() && console::terminal_at(stdout).live && isatty(STDIN_FILENO) == 1);
  if (!wanted || console::interrupted()) return;
  WordClassifier network = laboratory.reference(Norm::layer);
  laboratory.narrator().heading("Type words of any of the languages; an empty line ends");
  run_prompt(std::cin, network, laboratory.corpus().data.alphabet, laboratory.bayes());
}

}  // namespace

std::span<const Experiment> experiments() { return kExperiments; }

Claim make_claim(const Laboratory& laboratory, std::string_view id, std::string_view title) {
  Claim claim;
  claim.id = id;
  claim.title = title;
  claim.command = command_text(laboratory.options(), id);
  return claim;
}

int run_study(const StudyOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  const auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };
  const std::vector<Experiment> list = chosen(options);
  const console::InterruptGuard guard;
  Laboratory laboratory(options, Corpus(load_words({.directory = options.dictionary,
                                                    .train_per_language = options.train_words,
                                                    .test_per_language = options.test_words,
                                                    .seed = options.seed,
                                                    .limits = {}})));
  make_folder(options.output);  // before minutes go into what could not be written
  introduce(laboratory, seconds());

  StudyResults results{.title = "LayerNorm or BatchNorm?",
                       .subtitle =
                           "A small transformer names the language of a word. Each belief about its normalisation, "
                           "measured.",
                       .command = command_text(options, options.claim),
                       .machine = {},
                       .claims = {},
                       .runs = {},
                       .runs_setup = {},
                       .setup = setup_table(laboratory.main_training(Norm::layer, 0)),
                       .baselines = laboratory.baselines(),
                       .words = laboratory.corpus().data,
                       .findings = {}};
  const Narrator& narrator = laboratory.narrator();
  for (const Experiment& experiment : list) {
    if (console::interrupted()) break;
    if (!experiment.announcement.empty()) narrator.heading(experiment.announcement);
    Claim claim = experiment.measure(laboratory);
    narrator.verdict(claim);
    add(results, std::move(claim));
  }
  results.interrupted = console::interrupted();
  results.machine =
      fmt::format("{} thread{}, {:.0f} s", laboratory.threads(), laboratory.threads() == 1 ? "" : "s", seconds());
  results.runs = curves(laboratory, find_claim(results, "0"));
  results.runs_setup = curves_setup(laboratory, find_claim(results, "0"));
  results.findings = findings(results);

  narrator.heading(results.interrupted ? "Stopped early: the verdicts so far" : "The verdicts");
  narrator.line(verdict_table(results, narrator.width(), narrator.colour()));
  for (const std::string& finding : results.findings) narrator.say(finding);
  narrator.say(how_to_read());
  narrator.line("");
  write_report(results, options.output);
  narrator.say(fmt::format("{}, {}: report.html, verdicts.csv, measurements.csv, runs.csv, curves.csv in {}",
                           results.machine, results.interrupted ? "stopped" : "done", options.output.string()));
  if (results.interrupted) return kInterrupted;
  offer_prompt(laboratory);
  return kSuccess;
}

}  // namespace norm_study
