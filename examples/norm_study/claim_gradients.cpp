// Claim 6a: normalisation keeps gradients from exploding with depth.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

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

/// Geometric mean, smallest and largest of the seeds.
struct Spread {
  double mean = 0, low = 0, high = 0;
};

template <class Seeds, class Value>
Spread spread_of(const Seeds& seeds, Value value) {
  Spread spread{.low = INFINITY};
  double logs = 0;
  for (const auto& seed : seeds) {
    const double x = value(seed);
    logs += std::log(x) / static_cast<double>(seeds.size());
    spread.low = std::min(spread.low, x);
    spread.high = std::max(spread.high, x);
  }
  spread.mean = std::exp(logs);
  return spread;
}

void add_to(Series& series, const Spread& spread) {
  series.y.push_back(spread.mean);
  series.low.push_back(spread.low);
  series.high.push_back(spread.high);
}

std::string growth_text(const Spread& growth) {
  return fmt::format("{:.3g} [{:.3g}, {:.3g}]", growth.mean, growth.low, growth.high);
}

}  // namespace

/// Untrained networks of 2 to 12 layers, one batch of 64: the norm of the loss gradient at the embedding by depth, its
/// ratio between the deepest and the shallowest, and the norm at each layer of the deepest.
Claim measure_gradients(Laboratory& laboratory) {
  Claim claim = make_claim(laboratory, "6a",
                           "Normalisation keeps gradients from exploding with depth, LayerNorm and BatchNorm alike");
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
  std::vector<Spread> growth;
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    Series depth_series{
        .name = kinds[k].name, .colour = kinds[k].colour, .x = by_depth.x_ticks, .y = {}, .low = {}, .high = {}};
    std::vector<std::string> row{kinds[k].name};
    for (const auto& at_depth : norms[k]) {
      const Spread spread = spread_of(at_depth, [](const auto& seed) { return seed.front(); });
      add_to(depth_series, spread);
      row.push_back(fmt::format("{:.3g}", spread.mean));
    }
    std::vector<double> ratios;
    for (std::size_t s = 0; s < norms[k].front().size(); ++s)
      ratios.push_back(norms[k].back()[s].front() / norms[k].front()[s].front());
    growth.push_back(spread_of(ratios, [](double ratio) { return ratio; }));
    row.push_back(growth_text(growth.back()));
    claim.measurements.rows.push_back(std::move(row));
    by_depth.series.push_back(std::move(depth_series));
    Series layers{.name = kinds[k].name, .colour = kinds[k].colour, .x = {}, .y = {}, .low = {}, .high = {}};
    for (std::size_t l = 1; l < norms[k].back().front().size(); ++l) {
      layers.x.push_back(static_cast<double>(l));
      add_to(layers, spread_of(norms[k].back(), [l](const auto& seed) { return seed[l]; }));
    }
    by_layer.series.push_back(std::move(layers));
  }
  std::vector<ExactCheck> checks;
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    checks.push_back({fmt::format("{}{} ×", k == 0 ? "growth from 2 to 12 layers, " : "", kinds[k].name),
                      growth[k].mean, kinds[k].norm == Norm::none ? Bound::above : Bound::at_most, kExplodes});
  }
  claim.verdict = exact_verdict(checks, false);
  claim.setup = fmt::format("untrained, 2 to 12 layers, one batch of 64, {} seed{}", seeds, seeds == 1 ? "" : "s");
  claim.spread = "lines: geometric means over the seeds; bands and brackets: from the smallest to the largest seed";
  claim.sentence = fmt::format(
      "From 2 to 12 layers the gradient at the embedding grows {}-fold with pre-LN, {}-fold with post-LN, {}-fold with "
      "pre-BN, {}-fold with post-BN, and {}-fold without normalisation (mean and range of the seeds). This does not "
      "tell LayerNorm from BatchNorm.",
      growth_text(growth[0]), growth_text(growth[1]), growth_text(growth[2]), growth_text(growth[3]),
      growth_text(growth[4]));
  claim.charts = {by_depth, by_layer};
  return claim;
}

}  // namespace norm_study
