// Claim 2: BatchNorm needs the batch's statistics in training and running ones later.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

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

double norm_of(const tg::Tensor& x) { return std::sqrt(tg::sum(tg::square(x.to(tg::float64))).item()); }

/// Training-inference discrepancy (Wang et al. 2022): means over batches and layers of norm(mu_B - mu) / norm(sigma)
/// and of norm(sigma_B - sigma) / norm(sigma).
struct Discrepancy {
  double mean = 0, deviation = 0;
};
Discrepancy discrepancy(WordClassifier& model, const Corpus& corpus, const Batches& batches) {
  const tg::NoRecord pause;
  model.train();
  model.set_tracking(false);
  Discrepancy sum;
  double count = 0;
  for (const auto& picks : batches) {
    logits_of(model, make_batch(corpus.test, picks));
    for (Normalizer* norm : model.normalizers()) {
      const tg::Tensor sigma = tg::sqrt(norm->running_var), batch_sigma = tg::sqrt(norm->batch_variance);
      sum.mean += norm_of(norm->batch_mean - norm->running_mean) / norm_of(sigma);
      sum.deviation += norm_of(batch_sigma - sigma) / norm_of(sigma);
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

}  // namespace

/// Trained networks, the same weights: logits in training and in evaluation mode, accuracy by running statistics and by
/// those of batches of 64, of 4, and of 64 words of one language.
Claim measure_modes(Laboratory& laboratory) {
  Claim claim = make_claim(laboratory, "2", "BatchNorm computes one thing in training and another in use");
  const WordClassifier layer = laboratory.reference(Norm::layer), batch = laboratory.reference(Norm::batch);
  const Corpus& corpus = laboratory.corpus();
  const std::vector<std::string> ways{"evaluation mode", "batches of 64", "batches of 4", "64 of one language"};
  const std::vector<Batches> batches{
      {}, cut(laboratory, 64, false), cut(laboratory, 4, false), cut(laboratory, 64, true)};
  std::vector<std::vector<double>> accuracy(2, std::vector<double>(ways.size()));
  std::vector<Discrepancy> apart(ways.size());
  double layer_logits = 0, batch_logits = 0;
  run_side_by_side(2 * ways.size(), laboratory.threads(), [&](std::size_t job) {
    const std::size_t way = ways.size() - 1 - job / 2, which = job % 2;
    WordClassifier own = which == 0 ? layer : batch;
    accuracy[which][way] =
        100 * (way == 0 ? accuracy_of(own, corpus.test) : accuracy_by_batch_statistics(own, corpus.test, batches[way]));
    if (way == 0) {
      (which == 0 ? layer_logits : batch_logits) =
          modes_apart(own, make_batch(corpus.test, laboratory.random_test_words(64, 22)));
    } else if (which == 1) {
      Batches some = batches[way];
      some.resize(std::min<std::size_t>(some.size(), 60));
      apart[way] = discrepancy(own, corpus, way == 3 ? batches[way] : some);
    }
  });

  const Narrator& narrator = laboratory.narrator();
  narrator.heading("The same trained networks, with other words in the batch: accuracy on the test words");
  for (std::size_t way = 0; way < ways.size(); ++way) {
    narrator.line(fmt::format("  {:<20} BatchNorm {} {:5.1f} %   LayerNorm {:5.1f} %", ways[way],
                              painted(bar_text(accuracy[1][way] / 100, 20), 33, narrator.colour()), accuracy[1][way],
                              accuracy[0][way]));
    narrator.pause(250);
  }
  narrator.line(fmt::format("  naive Bayes (n ≤ 3) {:.1f} %, chance {:.1f} %",
                            100 * laboratory.baselines().naive_bayes_3, 100 * laboratory.baselines().chance));

  const std::vector<ExactCheck> checks{
      {"LayerNorm, logits in training against evaluation", layer_logits, Bound::equal_to, 0},
      {"BatchNorm", batch_logits, Bound::above, 1e-3}};
  claim.verdict = exact_verdict(checks, true);
  claim.setup = laboratory.reference_setup();
  claim.sentence = fmt::format(
      "With its running statistics the BatchNorm network finds {:.1f} % of the languages; with the statistics of "
      "batches of "
      "64 mixed words {:.1f} %, of 4 words {:.1f} %, and of 64 words of one language {:.1f} % (chance: {:.1f} %). "
      "LayerNorm "
      "computes the same in all of them: {:.1f} %.",
      accuracy[1][0], accuracy[1][1], accuracy[1][2], accuracy[1][3], 100 * laboratory.baselines().chance,
      accuracy[0][0]);
  if (apart[3].mean < apart[2].mean && accuracy[1][3] < accuracy[1][2]) {
    claim.sentence += fmt::format(
        " The training-inference discrepancy (TID) of Wang et al. does not explain that last loss: its mean is {:.3f} "
        "for batches of one language and {:.3f} for batches of 4.",
        apart[3].mean, apart[2].mean);
  }
  claim.charts = {BarChart{
      .title = "Accuracy of the same trained networks by the words that share a batch",
      .x_label = "accuracy, %",
      .categories = ways,
      .bars = {{"LayerNorm", Colour::blue, accuracy[0], {}, {}}, {"BatchNorm", Colour::orange, accuracy[1], {}, {}}},
      .references = accuracy_references(laboratory.baselines())}};
  claim.measurements = {{"statistics of", "BatchNorm, %", "LayerNorm, %", "mean TID", "deviation TID"}, {}};
  for (std::size_t way = 0; way < ways.size(); ++way) {
    claim.measurements.rows.push_back({ways[way], fmt::format("{:.1f}", accuracy[1][way]),
                                       fmt::format("{:.1f}", accuracy[0][way]),
                                       way == 0 ? "0" : fmt::format("{:.3f}", apart[way].mean),
                                       way == 0 ? "0" : fmt::format("{:.3f}", apart[way].deviation)});
  }
  return claim;
}

}  // namespace norm_study
