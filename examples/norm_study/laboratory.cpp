#include "norm_study/laboratory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <future>
#include <range/v3/view/zip.hpp>
#include <set>
#include <thread>
#include <utility>

#include "console/training_progress.hpp"
#include "tapegrad/base/random.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "word_lists/letters.hpp"

namespace norm_study {
namespace {

constexpr std::int64_t kMainSteps = 500, kQuickSteps = 300;
constexpr int kCurvePoints = 10;

/// Both baselines at once: counting takes longer than reading.
Baselines measure(const NaiveBayes& up_to_3, const Corpus& corpus) {
  auto five = std::async(std::launch::async, [&] {
    return NaiveBayes(corpus.data.train, word_lists::kLanguages.size(), {.max_order = 5}).accuracy(corpus.data.test);
  });
  Baselines baselines;
  baselines.naive_bayes_3 = up_to_3.accuracy(corpus.data.test);
  baselines.naive_bayes_5 = five.get();
  return baselines;
}

/// The rule on first - second, in points; not judged where there is no interval or the training is too short.
Verdict judged(const Laboratory& laboratory, std::span<const double> first, std::span<const double> second,
               std::string_view difference) {
  const auto named = [&](Verdict verdict) {
    if (!difference.empty()) verdict.detail = fmt::format("{}: {}", difference, verdict.detail);
    return verdict;
  };
  if (laboratory.judges() && first.size() >= 2) return named(paired_verdict(paired_interval(first, second)));
  if (first.empty()) return {.outcome = Outcome::not_judged, .detail = "stopped before a pair of networks was trained"};
  return named(
      {.outcome = Outcome::not_judged,
       .detail = fmt::format("{:+.1f} points; {}", summarize(first).mean - summarize(second).mean,
                             laboratory.judges() ? "one seed has no interval" : "too short a training for a verdict")});
}

/// What the steps of a progress line are summed over.
std::string label_text(const std::string& label, std::size_t networks) {
  if (networks < 2) return label;
  return label + (networks == 2 ? ", both networks" : fmt::format(", all {} networks", networks));
}

}  // namespace

std::string command_text(const StudyOptions& options, std::string_view claim) {
  const StudyOptions usual;
  std::string text = "./dev demo";
  if (options.quick) text += " --quick";
  if (options.full && claim.empty()) text += " --full";
  if (!claim.empty()) text += fmt::format(" --claim {}", claim);
  if (options.seed != usual.seed) text += fmt::format(" --seed {}", options.seed);
  if (options.seeds) {
    text += fmt::format(" --seeds {}", *options.seeds);
  } else if (options.full && !claim.empty()) {
    text += " --full";
  }
  if (options.steps) text += fmt::format(" --steps {}", *options.steps);
  if (options.train_words != usual.train_words) text += fmt::format(" --train-words {}", options.train_words);
  if (options.test_words != usual.test_words) text += fmt::format(" --test-words {}", options.test_words);
  if (options.dictionary != usual.dictionary) text += fmt::format(" --dict {}", options.dictionary.string());
  return text;
}

Laboratory::Laboratory(const StudyOptions& options, Corpus words)
    : options_(options),
      corpus_(std::move(words)),
      bayes_(corpus_.data.train, word_lists::kLanguages.size(), {.max_order = 3}),
      baselines_(measure(bayes_, corpus_)),
      threads_(options.threads > 0 ? options.threads
                                   : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()))) {}

int Laboratory::seeds(int in_default_run) const {
  if (options_.seeds) return *options_.seeds;
  if (options_.quick) return 1;
  return options_.full ? 2 * in_default_run : in_default_run;
}

std::int64_t Laboratory::steps(std::int64_t in_default_run) const {
  if (options_.steps) return *options_.steps;
  return options_.quick ? kQuickSteps : in_default_run;
}

bool Laboratory::judges() const { return steps(kMainSteps) > kQuickSteps; }

TrainOptions Laboratory::training(NormOptions norm, std::int64_t steps, int seed_index) const {
  return {.model = {.letters = corpus_.data.alphabet.size(), .norm = norm},
          .seed = options_.seed + static_cast<std::uint64_t>(seed_index),
          .steps = steps};
}

std::vector<TrainOptions> Laboratory::group(NormOptions norm, std::int64_t steps, int seeds) const {
  std::vector<TrainOptions> all;
  for (int s = 0; s < seeds; ++s) all.push_back(training(norm, steps, s));
  return all;
}

std::vector<const Trained*> Laboratory::trained(const std::vector<TrainOptions>& wanted, const std::string& label) {
  std::vector<TrainOptions> missing;
  std::set<std::string> keys;
  std::int64_t steps = 0;
  for (const TrainOptions& options : wanted) {
    if (runs_.contains(options.key()) || !keys.insert(options.key()).second) continue;
    missing.push_back(options);
    steps += options.steps;
  }
  if (!missing.empty()) {
    console::TrainingProgress progress(label_text(label, missing.size()), steps);
    for (Trained& run : train_side_by_side(missing, corpus_, threads_, &progress)) {
      std::string key = run.options.key();
      runs_.emplace(std::move(key), std::move(run));
    }
  }
  std::vector<const Trained*> found;
  for (const TrainOptions& options : wanted) found.push_back(&runs_.at(options.key()));
  return found;
}

TrainOptions Laboratory::main_training(Norm norm, int seed_index) const {
  TrainOptions options = training({.norm = norm}, steps(kMainSteps), seed_index);
  options.curve_points = kCurvePoints;
  return options;
}

WordClassifier Laboratory::reference(Norm norm) {
  // Both at once: they train side by side, and every look at one is a comparison with the other.
  const auto both =
      trained({main_training(Norm::layer, 0), main_training(Norm::batch, 0)}, "LayerNorm and BatchNorm learn");
  return both[norm == Norm::layer ? 0 : 1]->model;
}

std::string Laboratory::reference_setup() const {
  const TrainOptions options = main_training(Norm::layer, 0);
  return fmt::format("networks after {} steps of batch {}, seed {}", options.steps, options.batch, options.seed);
}

std::vector<std::size_t> Laboratory::random_test_words(std::size_t count, std::uint64_t purpose) const {
  tapegrad::Generator generator(options_.seed * 1000 + purpose);
  std::vector<std::size_t> picks = shuffled_indices(corpus_.test.size(), generator);
  picks.resize(std::min(picks.size(), count));
  return picks;
}

std::string Laboratory::word_text(std::size_t test_word) const {
  return word_lists::to_utf8(corpus_.data.test[test_word].letters);
}

std::vector<double> points(std::span<const Trained* const> runs) {
  std::vector<double> values;
  for (const Trained* run : runs)
    if (run->complete()) values.push_back(100 * run->accuracy);
  return values;
}

std::string points_text(std::span<const Trained* const> runs) {
  const std::vector<double> values = points(runs);
  if (values.empty()) return "–";
  const Summary summary = summarize(values);
  return values.size() == 1 ? fmt::format("{:.1f}", summary.mean)
                            : fmt::format("{:.1f} ± {:.1f}", summary.mean, summary.deviation);
}

Verdict compare(const Laboratory& laboratory, const Runs& a, const Runs& b, std::string_view difference) {
  std::vector<double> first, second;
  for (const auto [x, y] : ranges::views::zip(a, b)) {
    if (!x->complete() || !y->complete()) continue;
    first.push_back(100 * x->accuracy);
    second.push_back(100 * y->accuracy);
  }
  return judged(laboratory, first, second, difference);
}

Verdict compare_losses(const Laboratory& laboratory, const Treatment& a, const Treatment& b,
                       std::string_view difference) {
  std::vector<double> first, second;
  for (const auto [a_control, a_treated, b_control, b_treated] :
       ranges::views::zip(a.control, a.treated, b.control, b.treated)) {
    if (!a_control->complete() || !a_treated->complete() || !b_control->complete() || !b_treated->complete()) continue;
    first.push_back(100 * (a_control->accuracy - a_treated->accuracy));
    second.push_back(100 * (b_control->accuracy - b_treated->accuracy));
  }
  return judged(laboratory, first, second, difference);
}

std::string outcome_text(const Verdict& verdict) {
  return fmt::format("{}, {}", outcome_name(verdict.outcome), verdict.detail);
}

std::string cell_text(const Verdict& verdict) {
  const std::string text = outcome_text(verdict);
  return text.substr(0, text.find(';'));
}

void add_seeds(Claim& claim, std::string_view condition, const Runs& runs) {
  for (const Trained* run : runs) {
    if (!run->complete()) continue;
    claim.seeds.push_back({.norm = norm_name(run->options.model.norm.norm),
                           .condition = std::string(condition),
                           .seed = run->options.seed,
                           .accuracy = run->accuracy});
  }
}

std::string setup_text(const TrainOptions& training, int seeds) {
  return fmt::format("{} steps, batch {}, {} seed{}", training.steps, training.batch, seeds, seeds == 1 ? "" : "s");
}

std::vector<ReferenceLine> accuracy_references(const Baselines& baselines) {
  return {{100 * baselines.naive_bayes_3, "naive Bayes, n ≤ 3"}, {100 * baselines.chance, "chance"}};
}

Colour norm_colour(Norm norm) {
  switch (norm) {
    case Norm::layer: return Colour::blue;
    case Norm::batch: return Colour::orange;
    case Norm::batch_unmasked: return Colour::red;
    case Norm::rms: return Colour::green;
    case Norm::tanh: return Colour::purple;
    case Norm::layer_detached: return Colour::red;
    case Norm::none: break;
  }
  return Colour::grey;
}

void add_point(Series& series, double x, const Runs& runs) {
  const std::vector<double> values = points(runs);
  if (values.empty()) return;
  const Summary summary = summarize(values);
  series.x.push_back(x);
  series.y.push_back(summary.mean);
  series.low.push_back(summary.mean - summary.deviation);
  series.high.push_back(summary.mean + summary.deviation);
}

double euclidean_norm(const tapegrad::Tensor& x) {
  return std::sqrt(tapegrad::sum(tapegrad::square(x.to(tapegrad::float64))).item());
}

}  // namespace norm_study
