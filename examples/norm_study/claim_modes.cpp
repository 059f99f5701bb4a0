// Claim 2: BatchNorm needs the batch's statistics in training and running ones later.
#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "console/bar.hpp"
#include "console/jobs.hpp"
#include "console/terminal.hpp"
#include "norm_study/claims.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/tape/tape.hpp"
#include "word_lists/word_list.hpp"

namespace norm_study {
namespace tg = tapegrad;
namespace {

using Batches = std::vector<std::vector<std::size_t>>;

/// All test words in batches: mixed, or of one language each (the test words stand language after language).
Batches cut(const Laboratory& laboratory, std::size_t size, bool one_language) {
  const std::size_t count = laboratory.corpus().test.size(), per_language = count / word_lists::kLanguages.size();
  std::vector<std::size_t> order = laboratory.random_test_words(count, 2);
  if (one_language)
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return a / per_language < b / per_language; });
  Batches batches;
  for (std::size_t first = 0; first < count;) {
    std::size_t end = std::min(first + size, count);
    if (one_language) end = std::min(end, (first / per_language + 1) * per_language);
    batches.emplace_back(order.begin() + static_cast<std::ptrdiff_t>(first),
                         order.begin() + static_cast<std::ptrdiff_t>(end));
    first = end;
  }
  return batches;
}

/// Training-inference discrepancy (Wang et al. 2022): means over batches and layers of norm(mu_B - mu) / norm(sigma)
/// and of norm(sigma_B - sigma) / norm(sigma).
struct Discrepancy {
  double mean = 0, deviation = 0;
};
Discrepancy discrepancy(WordClassifier& model, const Corpus& corpus,
                        std::span<const std::vector<std::size_t>> batches) {
  const tg::NoRecord pause;
  model.train();
  model.set_tracking(false);
  Discrepancy sum;
  double count = 0;
  for (const auto& picks : batches) {
    (void)logits_of(model, make_batch(corpus.test, picks));
    for (Normalizer* norm : model.normalizers()) {
      const tg::Tensor sigma = tg::sqrt(norm->running_var), batch_sigma = tg::sqrt(norm->batch_variance);
      sum.mean += euclidean_norm(norm->batch_mean - norm->running_mean) / euclidean_norm(sigma);
      sum.deviation += euclidean_norm(batch_sigma - sigma) / euclidean_norm(sigma);
      ++count;
    }
  }
  return {sum.mean / count, sum.deviation / count};
}

/// The largest difference of a logit between training and evaluation mode, over a batch.
double modes_apart(WordClassifier& model, const Batch& batch) {
  const tg::NoRecord pause;
  model.set_tracking(false);
  model.train();
  const tg::Tensor training = logits_of(model, batch);
  model.eval();
  return tg::max(tg::abs(training - logits_of(model, batch))).item();
}

/// Where BatchNorm takes its statistics from.
struct Way {
  std::string name;
  Batches batches = {};  // of all test words; none: the running statistics
};

constexpr std::size_t kEvaluation = 0, kOf64 = 1, kOf4 = 2, kOneLanguage = 3;  // indices of ways

std::vector<Way> all_ways(const Laboratory& laboratory) {
  return {{"evaluation mode"},
          {"batches of 64", cut(laboratory, 64, false)},
          {"batches of 4", cut(laboratory, 4, false)},
          {"64 of one language", cut(laboratory, 64, true)}};
}

/// What one trained network does by each way.
struct ByWay {
  explicit ByWay(std::size_t ways) : accuracy(ways), apart(ways) {}

  std::vector<double> accuracy;    // in %
  std::vector<Discrepancy> apart;  // BatchNorm's
  double logits = 0;               // training against evaluation mode
};

/// Puts one way's figures into `found`.
void measure_way(const Laboratory& laboratory, WordClassifier model, Norm norm, const std::vector<Way>& ways,
                 std::size_t way, ByWay& found) {
  const Corpus& corpus = laboratory.corpus();
  const Batches& batches = ways[way].batches;
  if (way == kEvaluation) {
    found.accuracy[way] = 100 * accuracy_of(model, corpus.test);
    found.logits = modes_apart(model, make_batch(corpus.test, laboratory.random_test_words(64, 22)));
    return;
  }
  found.accuracy[way] = 100 * accuracy_by_batch_statistics(model, corpus.test, batches);
  if (norm != Norm::batch) return;
  const std::size_t enough = way == kOneLanguage ? batches.size() : std::min<std::size_t>(batches.size(), 60);
  found.apart[way] = discrepancy(model, corpus, std::span(batches).first(enough));
}

/// Bars on the terminal, way after way.
void show_accuracies(const Laboratory& laboratory, const std::vector<Way>& ways, const ByWay& layer,
                     const ByWay& batch) {
  const Narrator& narrator = laboratory.narrator();
  narrator.heading("The same trained networks, with other words in the batch: accuracy on the test words");
  for (std::size_t way = 0; way < ways.size(); ++way) {
    narrator.line(
        fmt::format("  {:<20} BatchNorm {} {:5.1f} %   LayerNorm {:5.1f} %", ways[way].name,
                    console::painted(console::bar(batch.accuracy[way] / 100, 20, " "), "33", narrator.colour()),
                    batch.accuracy[way], layer.accuracy[way]));
    narrator.pause(250);
  }
  narrator.line(fmt::format("  naive Bayes (n ≤ 3) {:.1f} %, chance {:.1f} %",
                            100 * laboratory.baselines().naive_bayes_3, 100 * laboratory.baselines().chance));
}

std::string modes_sentence(const Laboratory& laboratory, const ByWay& layer, const ByWay& batch) {
  std::string sentence = fmt::format(
      "With its running statistics the BatchNorm network finds {:.1f} % of the languages; with the statistics of "
      "batches of "
      "64 mixed words {:.1f} %, of 4 words {:.1f} %, and of 64 words of one language {:.1f} % (chance: {:.1f} %). "
      "LayerNorm "
      "computes the same in all of them: {:.1f} %.",
      batch.accuracy[kEvaluation], batch.accuracy[kOf64], batch.accuracy[kOf4], batch.accuracy[kOneLanguage],
      100 * laboratory.baselines().chance, layer.accuracy[kEvaluation]);
  if (batch.apart[kOneLanguage].mean < batch.apart[kOf4].mean && batch.accuracy[kOneLanguage] < batch.accuracy[kOf4]) {
    sentence += fmt::format(
        " The training-inference discrepancy (TID) of Wang et al. does not explain that last loss: its mean is {:.3f} "
        "for batches of one language and {:.3f} for batches of 4.",
        batch.apart[kOneLanguage].mean, batch.apart[kOf4].mean);
  }
  return sentence;
}

BarChart accuracy_chart(const Laboratory& laboratory, const std::vector<Way>& ways, const ByWay& layer,
                        const ByWay& batch) {
  BarChart chart{.title = "Accuracy of the same trained networks by the words that share a batch",
                 .x_label = "accuracy, %",
                 .bars = {{"LayerNorm", Colour::blue, layer.accuracy, {}, {}},
                          {"BatchNorm", Colour::orange, batch.accuracy, {}, {}}},
                 .references = accuracy_references(laboratory.baselines())};
  for (const Way& way : ways) chart.categories.push_back(way.name);
  return chart;
}

Table statistics_table(const std::vector<Way>& ways, const ByWay& layer, const ByWay& batch) {
  Table table{{"statistics of", "BatchNorm, %", "LayerNorm, %", "mean TID", "deviation TID"}, {}};
  for (std::size_t way = 0; way < ways.size(); ++way) {
    const auto apart_text = [&](double x) { return way == kEvaluation ? "0" : fmt::format("{:.3f}", x); };
    table.rows.push_back({ways[way].name, fmt::format("{:.1f}", batch.accuracy[way]),
                          fmt::format("{:.1f}", layer.accuracy[way]), apart_text(batch.apart[way].mean),
                          apart_text(batch.apart[way].deviation)});
  }
  return table;
}

}  // namespace

/// Trained networks, the same weights: logits in training and in evaluation mode, accuracy by running statistics and by
/// those of batches of 64, of 4, and of 64 words of one language.
Claim measure_modes(Laboratory& laboratory) {
  Claim claim = make_claim(laboratory, "2", "BatchNorm computes one thing in training and another in use");
  const WordClassifier layer_model = laboratory.reference(Norm::layer), batch_model = laboratory.reference(Norm::batch);
  const std::vector<Way> ways = all_ways(laboratory);
  ByWay layer(ways.size()), batch(ways.size());
  console::run_side_by_side(2 * ways.size(), laboratory.threads(), [&](std::size_t job) {
    const std::size_t way = ways.size() - 1 - job / 2;
    if (job % 2 == 0) {
      measure_way(laboratory, layer_model, Norm::layer, ways, way, layer);
    } else {
      measure_way(laboratory, batch_model, Norm::batch, ways, way, batch);
    }
  });
  show_accuracies(laboratory, ways, layer, batch);

  const std::vector<ExactCheck> checks{
      {"LayerNorm, logits in training against evaluation", layer.logits, Bound::equal_to, 0},
      {"BatchNorm", batch.logits, Bound::above, 1e-3}};
  claim.verdict = exact_verdict(checks, true);
  claim.setup = laboratory.reference_setup();
  claim.sentence = modes_sentence(laboratory, layer, batch);
  claim.charts = {accuracy_chart(laboratory, ways, layer, batch)};
  claim.measurements = statistics_table(ways, layer, batch);
  return claim;
}

}  // namespace norm_study
