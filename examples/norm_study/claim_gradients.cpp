// Claim 6a: normalisation keeps gradients from exploding with depth.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "console/interrupt.hpp"
#include "console/jobs.hpp"
#include "norm_study/claims.hpp"
#include "tapegrad/ops/loss.hpp"
#include "tapegrad/tape/tape.hpp"

namespace norm_study {
namespace tg = tapegrad;
namespace {

constexpr int kGradientSeeds = 5;
constexpr double kExplodes = 10;  // growth over the depths, as a factor

struct NetworkKind {
  std::string_view name;
  Norm norm;
  bool norm_first;
  Colour colour;
};

constexpr std::array<NetworkKind, 5> kNetworkKinds{{{"pre-LN", Norm::layer, true, Colour::blue},
                                                    {"post-LN", Norm::layer, false, Colour::green},
                                                    {"pre-BN", Norm::batch, true, Colour::orange},
                                                    {"post-BN", Norm::batch, false, Colour::red},
                                                    {"none", Norm::none, true, Colour::grey}}};
constexpr std::array<std::int64_t, 6> kDepths{2, 4, 6, 8, 10, 12};

/// Norms of the loss gradient at initialisation: at the embedded words, then at each layer's second feed-forward
/// weight.
std::vector<double> gradient_norms(const Laboratory& laboratory, const NetworkKind& kind, std::int64_t layers,
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
  for (const tg::Tensor& gradient : gradients) norms.push_back(euclidean_norm(gradient));
  return norms;
}

using AtDepth = std::vector<std::vector<double>>;  // norms of each seed
using OfKind = std::vector<AtDepth>;               // at each of kDepths

/// Of each of kNetworkKinds; incomplete where the run is interrupted.
std::vector<OfKind> all_gradient_norms(const Laboratory& laboratory, std::size_t seeds) {
  std::vector<OfKind> norms(kNetworkKinds.size(), OfKind(kDepths.size(), AtDepth(seeds)));
  console::run_side_by_side(kNetworkKinds.size() * kDepths.size() * seeds, laboratory.threads(), [&](std::size_t job) {
    if (console::interrupted()) return;
    const std::size_t kind = job % kNetworkKinds.size(), seed = job / kNetworkKinds.size() % seeds;
    const std::size_t depth = kDepths.size() - 1 - job / kNetworkKinds.size() / seeds;  // deepest first
    norms[kind][depth][seed] = gradient_norms(laboratory, kNetworkKinds[kind], kDepths[depth], static_cast<int>(seed));
  });
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
  if (growth.low == growth.high) return fmt::format("{:.3g}", growth.mean);  // of one seed
  return fmt::format("{:.3g} [{:.3g}, {:.3g}]", growth.mean, growth.low, growth.high);
}

/// Norms at the embedding, from the shallowest network to the deepest.
std::vector<Spread> by_depth(const OfKind& norms) {
  std::vector<Spread> spreads;
  for (const AtDepth& seeds : norms) spreads.push_back(spread_of(seeds, [](const auto& seed) { return seed.front(); }));
  return spreads;
}

/// The deepest network's norm at the embedding over the shallowest one's.
Spread growth_of(const OfKind& norms) {
  std::vector<double> ratios;
  for (std::size_t s = 0; s < norms.front().size(); ++s)
    ratios.push_back(norms.back()[s].front() / norms.front()[s].front());
  return spread_of(ratios, [](double ratio) { return ratio; });
}

Series empty_series(const NetworkKind& kind) { return {.name = std::string(kind.name), .colour = kind.colour}; }

LineChart depth_chart(const std::vector<OfKind>& norms) {
  LineChart chart{.title = "Norm of the loss gradient at the embedding, untrained networks",
                  .x_label = "layers",
                  .y_label = "norm of the gradient",
                  .x_ticks = {kDepths.begin(), kDepths.end()},
                  .log_y = true};
  for (std::size_t k = 0; k < kNetworkKinds.size(); ++k) {
    Series series = empty_series(kNetworkKinds[k]);
    series.x = chart.x_ticks;
    for (const Spread& spread : by_depth(norms[k])) add_to(series, spread);
    chart.series.push_back(std::move(series));
  }
  return chart;
}

LineChart layer_chart(const std::vector<OfKind>& norms) {
  LineChart chart{.title = "Norm of the loss gradient at each layer's second feed-forward weight, 12 layers",
                  .x_label = "layer",
                  .y_label = "norm of the gradient",
                  .log_y = true};
  for (std::size_t k = 0; k < kNetworkKinds.size(); ++k) {
    const AtDepth& deepest = norms[k].back();
    Series series = empty_series(kNetworkKinds[k]);
    for (std::size_t l = 1; l < deepest.front().size(); ++l) {
      series.x.push_back(static_cast<double>(l));
      add_to(series, spread_of(deepest, [l](const auto& seed) { return seed[l]; }));
    }
    chart.series.push_back(std::move(series));
  }
  return chart;
}

Table depth_table(const std::vector<OfKind>& norms) {
  Table table{{"network", "2 layers", "4", "6", "8", "10", "12", "growth from 2 to 12"}, {}};
  for (std::size_t k = 0; k < kNetworkKinds.size(); ++k) {
    std::vector<std::string> row{std::string(kNetworkKinds[k].name)};
    for (const Spread& spread : by_depth(norms[k])) row.push_back(fmt::format("{:.3g}", spread.mean));
    row.push_back(growth_text(growth_of(norms[k])));
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace

/// Untrained networks of 2 to 12 layers, one batch of 64: the norm of the loss gradient at the embedding by depth, its
/// ratio between the deepest and the shallowest, and the norm at each layer of the deepest.
Claim measure_gradients(Laboratory& laboratory) {
  Claim claim = make_claim(laboratory, "6a",
                           "Normalisation keeps gradients from exploding with depth, LayerNorm and BatchNorm alike");
  const int seeds = laboratory.seeds(kGradientSeeds);
  const std::vector<OfKind> norms = all_gradient_norms(laboratory, static_cast<std::size_t>(seeds));
  if (console::interrupted()) {
    claim.verdict.detail = "stopped";
    return claim;
  }

  std::vector<Spread> growth;
  std::vector<ExactCheck> checks;
  for (std::size_t k = 0; k < kNetworkKinds.size(); ++k) {
    growth.push_back(growth_of(norms[k]));
    checks.push_back({fmt::format("{}{} ×", k == 0 ? "growth from 2 to 12 layers, " : "", kNetworkKinds[k].name),
                      growth[k].mean, kNetworkKinds[k].norm == Norm::none ? Bound::above : Bound::at_most, kExplodes});
  }
  claim.verdict = exact_verdict(checks, false);
  claim.setup = fmt::format("untrained, 2 to 12 layers, one batch of 64, {} seed{}", seeds, seeds == 1 ? "" : "s");
  claim.spread = "lines: geometric means over the seeds; bands and brackets: from the smallest to the largest seed";
  claim.sentence = fmt::format(
      "From 2 to 12 layers the gradient at the embedding grows {}-fold with pre-LN, {}-fold with post-LN, {}-fold with "
      "pre-BN, {}-fold with post-BN, and {}-fold without normalisation{}. This does not tell LayerNorm from BatchNorm.",
      growth_text(growth[0]), growth_text(growth[1]), growth_text(growth[2]), growth_text(growth[3]),
      growth_text(growth[4]), seeds == 1 ? "" : " (mean and range of the seeds)");
  claim.measurements = depth_table(norms);
  claim.charts = {depth_chart(norms), layer_chart(norms)};
  return claim;
}

}  // namespace norm_study
