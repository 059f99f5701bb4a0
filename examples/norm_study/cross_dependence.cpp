#include "norm_study/cross_dependence.hpp"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "console/interrupt.hpp"
#include "console/jobs.hpp"
#include "tapegrad/diff/transforms.hpp"
#include "tapegrad/ops/norm.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/tape/create.hpp"

namespace norm_study {
namespace tg = tapegrad;
namespace {

/// norm(J_ij)^2 for all j, J_ij = d logits_i / d embedding_j.
std::vector<double> squared_jacobian(WordClassifier& model, const Batch& batch, std::int64_t i) {
  const auto logits = [&](const tg::Tensor& embedded) { return model.classify(embedded, batch.mask)[i]; };
  const tg::Tensor jacobian = tg::jacobian(logits, model.embed(batch));  // [languages, N, L, E]
  return tg::sum(tg::square(jacobian.to(tg::float64)), {0, 2, 3}).to_vector<double>();
}

/// Of `words` words, each among `size` - 1 companions of its own.
Dependence cross_dependence(WordClassifier& model, const Laboratory& laboratory, std::size_t size, std::size_t words) {
  Dependence mean;
  for (std::size_t w = 0; w < words; ++w) {
    const std::vector<std::size_t> picks = laboratory.random_test_words(size, 300 + w);
    const double rho = norm_of_others(squared_jacobian(model, make_batch(laboratory.corpus().test, picks), 0), 0);
    mean.norms += rho / static_cast<double>(words);
    mean.squares += rho * rho / static_cast<double>(words);
  }
  return mean;
}

/// Largest difference between the Jacobian of one BatchNorm layer and (gamma / sigma)(delta_ij - 1/n - xhat_i xhat_j /
/// n).
double closed_form_difference(std::uint64_t seed) {
  constexpr std::int64_t n = 12;
  constexpr double epsilon = 1e-5;
  tg::Generator generator(seed);
  const tg::Tensor x = tg::randn({n, 1}, generator, {.dtype = tg::float64});
  const double gamma = 1.7;
  const auto layer = [&](const tg::Tensor& values) {
    return tg::batch_norm(values, tg::full({1}, gamma, {.dtype = tg::float64}), {}, {.eps = epsilon}).y;
  };
  const auto jacobian = tg::jacobian(layer, x).to_vector<double>();  // [n, 1, n, 1]
  const auto values = x.to_vector<double>();
  double mean = 0, variance = 0;
  for (const double v : values) mean += v / n;
  for (const double v : values) variance += (v - mean) * (v - mean) / n;
  const double sigma = std::sqrt(variance + epsilon);
  double most = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      const double at_i = (values[static_cast<std::size_t>(i)] - mean) / sigma;
      const double at_j = (values[static_cast<std::size_t>(j)] - mean) / sigma;
      const double wanted = gamma / sigma * ((i == j ? 1.0 : 0.0) - 1.0 / n - at_i * at_j / n);
      most = larger(most, std::abs(jacobian[static_cast<std::size_t>(i * n + j)] - wanted));
    }
  }
  return most;
}

HeatMap heat_map(WordClassifier& model, const Laboratory& laboratory) {
  const std::vector<std::size_t> picks = laboratory.random_test_words(8, 298);
  const Batch batch = make_batch(laboratory.corpus().test, picks);
  HeatMap map{.title = "How much the logits of each word depend on the letters of each other: BatchNorm, batch of 8",
              .x_label = "embedding of",
              .y_label = "logits of",
              .value_label = "norm of the Jacobian"};
  for (std::size_t i = 0; i < picks.size(); ++i) {
    map.rows.push_back(laboratory.word_text(picks[i]));
    map.columns.push_back(fmt::format("{}", i + 1));
    for (const double square : squared_jacobian(model, batch, static_cast<std::int64_t>(i)))
      map.values.push_back(std::sqrt(square));
  }
  return map;
}

/// All but the trained networks' ρ at each size.
void measure_single_dependences(const Laboratory& laboratory, const WordClassifier& batch, Dependences& found) {
  WordClassifier own = in_training_mode(batch);
  found.map = heat_map(own, laboratory);
  own.eval();
  found.batch_in_evaluation = cross_dependence(own, laboratory, 8, kFewJacobianWords).norms;
  const auto untrained = [&](Norm norm) {
    WordClassifier model(laboratory.training({.norm = norm}, 1, 0).model, laboratory.options().seed);
    return cross_dependence(model, laboratory, 8, kFewJacobianWords).norms;
  };
  found.none = untrained(Norm::none);
  found.rms = untrained(Norm::rms);
  found.closed_form = closed_form_difference(laboratory.options().seed);
}

}  // namespace

WordClassifier in_training_mode(const WordClassifier& model) {
  WordClassifier copy = model;
  copy.train();
  copy.set_tracking(false);
  return copy;
}

Dependences measure_dependences(const Laboratory& laboratory, const WordClassifier& batch,
                                const WordClassifier& layer) {
  Dependences found;
  console::run_side_by_side(2 * kBatchSizes.size() + 1, laboratory.threads(), [&](std::size_t job) {
    if (console::interrupted()) return;
    if (job == 2 * kBatchSizes.size()) {
      measure_single_dependences(laboratory, batch, found);
      return;
    }
    const std::size_t s = kBatchSizes.size() - 1 - job / 2;  // the largest batches first: they take longest
    const bool is_batch = job % 2 == 0;
    WordClassifier own = in_training_mode(is_batch ? batch : layer);
    (is_batch ? found.batch : found.layer)[s] =
        cross_dependence(own, laboratory, kBatchSizes[s], is_batch ? kJacobianWords : kFewJacobianWords);
  });
  return found;
}

LineChart dependence_chart(const Dependences& found) {
  LineChart chart{.title = "Norm of a word's Jacobian with respect to the other words, over that with respect to all",
                  .x_label = "words in the batch",
                  .y_label = "ρ",
                  .x_ticks = {kBatchSizes.begin(), kBatchSizes.end()},
                  .log_x = true};
  for (const auto& [norm, values] : {std::pair{Norm::batch, &found.batch}, std::pair{Norm::layer, &found.layer}}) {
    std::vector<double> rho;
    for (const Dependence& d : *values) rho.push_back(d.norms);
    chart.series.push_back(
        {.name = norm_name(norm), .colour = norm_colour(norm), .x = chart.x_ticks, .y = std::move(rho)});
  }
  return chart;
}

Table dependence_table(const Dependences& found) {
  Table table{{"words in the batch", "ρ of BatchNorm", "ρ² (share of the squared norm)", "ρ of LayerNorm"}, {}};
  for (std::size_t s = 0; s < kBatchSizes.size(); ++s) {
    table.rows.push_back({fmt::format("{}", kBatchSizes[s]), fmt::format("{:.3f}", found.batch[s].norms),
                          fmt::format("{:.3f}", found.batch[s].squares), fmt::format("{:.3g}", found.layer[s].norms)});
  }
  return table;
}

std::vector<ExactCheck> dependence_checks(const Dependences& found) {
  double layer_most = 0;
  for (const Dependence& d : found.layer) layer_most = larger(layer_most, d.norms);
  return {{"ρ of LayerNorm", layer_most, Bound::equal_to, 0},
          {"of RMSNorm and no normalisation, untrained", larger(found.none, found.rms), Bound::equal_to, 0},
          {"of BatchNorm in evaluation", found.batch_in_evaluation, Bound::equal_to, 0},
          {"of BatchNorm in training, batch of 64", found.batch.back().norms, Bound::above, 1e-3},
          {"one BatchNorm layer against the closed form", found.closed_form, Bound::at_most, 1e-10}};
}

}  // namespace norm_study
