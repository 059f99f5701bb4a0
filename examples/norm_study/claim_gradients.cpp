// Claim 6a: LayerNorm smooths the flow of gradients.
#include <fmt/format.h>

#include <array>
#include <cmath>

#include "console/interrupt.hpp"
#include "norm_study/claims.hpp"
#include "tapegrad/ops/loss.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/tape/tape.hpp"

namespace norm_study {
namespace tg = tapegrad;
namespace {

constexpr int kSeeds = 5;
constexpr double kExplodes = 10;  // growth over the depths, as a factor

struct Kind {
  std::string name;
  Norm norm;
  bool norm_first;
  Colour colour;
};

double norm_of(const tg::Tensor& x) { return std::sqrt(tg::sum(tg::square(x.to(tg::float64))).item()); }

/// Norms of the loss gradient at initialisation: at the embedded words, then at each layer's second feed-forward
/// weight.
std::vector<double> gradient_norms(const Laboratory& laboratory, const Kind& kind, std::int64_t layers,
                                   int seed_index) {
  ModelOptions options = laboratory.training({.norm = kind.norm}, 1, 0).model;
  options.layers = layers;
  options.norm_first = kind.norm_first;
  const std::uint64_t seed = laboratory.options().seed + static_cast<std::uint64_t>(seed_index);
  WordClassifier model(options, seed);
  BatchSource source(laboratory.corpus().train,
                     std::min<std::int64_t>(64, static_cast<std::int64_t>(laboratory.corpus().train.size())),
                     BatchOrder::shuffled, seed);
  const Batch batch = make_batch(laboratory.corpus().train, source.next());
  tg::Tensor embedded = model.embed(batch);
  embedded.set_requires_grad(true);
  tg::Tape tape;
  const tg::Tensor loss = tg::cross_entropy(model.classify(embedded, batch.mask), batch.languages);
  std::vector<tg::Tensor> wanted{embedded};
  for (const EncoderBlock& layer : model.layers) wanted.push_back(layer.linear2.weight);
  const std::vector<tg::Tensor> gradients = tape.gradient(loss, wanted);
  const tg::NoRecord pause;
  std::vector<double> norms;
  for (const tg::Tensor& gradient : gradients) norms.push_back(norm_of(gradient));
  return norms;
}

}  // namespace

/// Untrained networks of 2 to 12 layers, one batch of 64: the norm of the loss gradient at the embedding by depth, as
/// the slope of its logarithm, and at each layer of the deepest.
Claim measure_gradients(Laboratory& laboratory) {
  Claim claim = make_claim(laboratory, "6a", "LayerNorm smooths the flow of gradients");
  const std::array<Kind, 5> kinds{{{"pre-LN", Norm::layer, true, Colour::blue},
                                   {"post-LN", Norm::layer, false, Colour::green},
                                   {"pre-BN", Norm::batch, true, Colour::orange},
                                   {"post-BN", Norm::batch, false, Colour::red},
                                   {"none", Norm::none, true, Colour::grey}}};
  const std::array<std::int64_t, 6> depths{2, 4, 6, 8, 10, 12};
  const int seeds = laboratory.seeds(kSeeds);
  // [kind][depth][seed]: norms
  std::vector<std::vector<std::vector<std::vector<double>>>> norms(
      kinds.size(), std::vector(depths.size(), std::vector<std::vector<double>>(static_cast<std::size_t>(seeds))));
  const std::size_t jobs = kinds.size() * depths.size() * static_cast<std::size_t>(seeds);
  run_side_by_side(jobs, laboratory.threads(), [&](std::size_t job) {
    if (console::interrupted()) return;
    const std::size_t kind = job % kinds.size(), seed = job / kinds.size() % static_cast<std::size_t>(seeds);
    const std::size_t depth =
        depths.size() - 1 - job / kinds.size() / static_cast<std::size_t>(seeds);  // deepest first
    norms[kind][depth][seed] = gradient_norms(laboratory, kinds[kind], depths[depth], static_cast<int>(seed));
  });
  if (console::interrupted()) {
    claim.verdict.detail = "stopped";
    return claim;
  }

  LineChart by_depth{.title = "Norm of the loss gradient at the embedding, untrained networks",
                     .x_label = "layers",
                     .y_label = "norm of the gradient",
                     .series = {},
                     .references = {},
                     .x_ticks = {depths.begin(), depths.end()},
                     .log_y = true};
  LineChart by_layer{.title = "Norm of the loss gradient at each layer's second feed-forward weight, 12 layers",
                     .x_label = "layer",
                     .y_label = "norm of the gradient",
                     .series = {},
                     .references = {},
                     .x_ticks = {},
                     .log_y = true};
  claim.measurements = {{"network", "2 layers", "4", "6", "8", "10", "12", "growth from 2 to 12"}, {}};
  std::vector<double> growth, deepest;
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    std::vector<double> x, logs, means;
    std::vector<std::string> row{kinds[k].name};
    for (std::size_t d = 0; d < depths.size(); ++d) {
      double sum = 0;
      for (const auto& seed : norms[k][d]) sum += std::log(seed.front());
      x.push_back(static_cast<double>(depths[d]));
      logs.push_back(sum / seeds);
      means.push_back(std::exp(sum / seeds));  // the geometric mean over the seeds
      row.push_back(fmt::format("{:.3g}", means.back()));
    }
    growth.push_back(std::exp(fit_line(x, logs).slope * static_cast<double>(depths.back() - depths.front())));
    deepest.push_back(means.back());
    row.push_back(fmt::format("× {:.3g}", growth.back()));
    claim.measurements.rows.push_back(std::move(row));
    by_depth.series.push_back(
        {.name = kinds[k].name, .colour = kinds[k].colour, .x = x, .y = means, .low = {}, .high = {}});
    Series layers{.name = kinds[k].name, .colour = kinds[k].colour, .x = {}, .y = {}, .low = {}, .high = {}};
    for (std::size_t l = 1; l < norms[k].back().front().size(); ++l) {
      double sum = 0;
      for (const auto& seed : norms[k].back()) sum += std::log(seed[l]);
      layers.x.push_back(static_cast<double>(l));
      layers.y.push_back(std::exp(sum / seeds));
    }
    by_layer.series.push_back(std::move(layers));
  }
  const std::vector<ExactCheck> checks{{"growth from 2 to 12 layers, pre-LN ×", growth[0], Bound::at_most, kExplodes},
                                       {"post-LN ×", growth[1], Bound::at_most, kExplodes},
                                       {"no normalisation ×", growth[4], Bound::above, kExplodes}};
  claim.verdict = exact_verdict(checks, false);
  claim.setup = fmt::format("untrained, 2 to 12 layers, one batch of 64, {} seed{}", seeds, seeds == 1 ? "" : "s");
  claim.sentence = fmt::format(
      "From 2 to 12 layers the gradient at the embedding grows {:.3g}-fold with pre-LN, {:.3g}-fold with post-LN, "
      "{:.3g}-fold "
      "with pre-BN, {:.3g}-fold with post-BN, and {:.3g}-fold without normalisation.",
      growth[0], growth[1], growth[2], growth[3], growth[4]);
  claim.charts = {by_depth, by_layer};
  return claim;
}

}  // namespace norm_study
