// Claims 1 and 7: what a layer normalises over, and that LayerNorm does not care for the batch. Both hold by
// construction; they show that the implementation is right.
#include <fmt/format.h>

#include <algorithm>

#include "norm_study/claims.hpp"
#include "tapegrad/ops/norm.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/tape.hpp"

namespace norm_study {
namespace tg = tapegrad;
namespace {

constexpr double kLayerEpsilon = 1e-5, kTolerance = 1e-5;
constexpr double kClearlyNotNormal = 1e-2;

double largest(const tg::Tensor& x) { return tg::max(tg::abs(x.to(tg::float64))).item(); }

/// How far the rows of y are from mean 0 and from the variance v / (v + eps), v being that of the rows of x. Both are
/// [rows, values]; in double precision.
struct Deviation {
  double mean, variance;
};
Deviation deviation(const tg::Tensor& x, const tg::Tensor& y) {
  const tg::VarOptions biased{.correction = 0};
  const tg::Tensor before = tg::var(x.to(tg::float64), 1, biased);
  const tg::Tensor after = tg::var(y.to(tg::float64), 1, biased);
  return {largest(tg::mean(y.to(tg::float64), 1)), largest(after - before / (before + kLayerEpsilon))};
}

/// The valid positions of x [N, L, E] for each feature: [E, valid].
tg::Tensor by_feature(const tg::Tensor& x, const tg::Mask& mask) {
  const std::int64_t features = x.size(2);
  std::vector<tg::Tensor> kept;
  const auto valid = mask.positions().to_vector<bool>();
  const tg::Tensor flat = tg::reshape(x, {x.size(0) * x.size(1), features});
  for (std::size_t row = 0; row < valid.size(); ++row)
    if (valid[row]) kept.push_back(flat[static_cast<std::int64_t>(row)]);
  return tg::transpose(tg::stack(kept), 0, 1);
}

}  // namespace

/// Sequences [16, 7, 40] through self-attention, its residual and the layer. LayerNorm: each token has mean 0 and
/// variance v / (v + eps) over the features; BatchNorm: each feature over the valid positions. The control looks along
/// the other axis, where neither is normal.
Claim measure_axes(Laboratory& laboratory) {
  Claim claim = make_claim(laboratory, "1", "LayerNorm works over the features, BatchNorm over the batch");
  const tg::NoRecord pause;
  tg::Generator generator(laboratory.options().seed);
  tg::default_generator().set_state({.key = laboratory.options().seed, .offset = 0});
  const SelfAttention attention(40, 4);
  const std::vector<std::int64_t> lengths{7, 3, 5, 7, 2, 6, 4, 7, 7, 5, 3, 6, 2, 4, 7, 1};
  const tg::Mask mask = tg::Mask::from_lengths(lengths, 7);
  const tg::Tensor input = 3.0 * tg::randn({16, 7, 40}, generator) + 5.0 * tg::randn({40}, generator);
  const tg::Tensor x = input + attention(input, mask);
  Normalizer layer(40, {.norm = Norm::layer}), batch(40, {.norm = Norm::batch});
  const tg::Tensor by_layer = layer(x, mask), by_batch = batch(x, mask);

  const auto tokens = [](const tg::Tensor& t) { return tg::reshape(t, {16 * 7, 40}); };
  const Deviation layer_tokens = deviation(tokens(x), tokens(by_layer));
  const Deviation batch_features = deviation(by_feature(x, mask), by_feature(by_batch, mask));
  const Deviation layer_features = deviation(by_feature(x, mask), by_feature(by_layer, mask));
  const Deviation batch_tokens =
      deviation(tg::transpose(by_feature(x, mask), 0, 1), tg::transpose(by_feature(by_batch, mask), 0, 1));
  const std::vector<ExactCheck> checks{
      {"LayerNorm, off over the features by", larger(layer_tokens.mean, layer_tokens.variance), Bound::at_most,
       kTolerance},
      {"BatchNorm, over the batch by", larger(batch_features.mean, batch_features.variance), Bound::at_most,
       kTolerance},
      {"axes swapped", std::min(layer_features.mean, batch_tokens.mean), Bound::above, kClearlyNotNormal}};
  claim.verdict = exact_verdict(checks, true);
  claim.setup = "[16, 7, 40] with padding, through attention and its residual, untrained";
  claim.sentence =
      "After LayerNorm every token has mean 0 and variance v/(v+ε) over its features, after BatchNorm every feature "
      "over "
      "the letters of the batch; along the other axis neither is normal.";
  claim.measurements = {{"layer", "over", "largest |mean|", "variance off by"}, {}};
  for (const auto& [name, over, d] :
       {std::tuple{"LayerNorm", "features", layer_tokens}, std::tuple{"BatchNorm", "batch", batch_features},
        std::tuple{"LayerNorm, control", "batch", layer_features},
        std::tuple{"BatchNorm, control", "features", batch_tokens}}) {
    claim.measurements.rows.push_back({name, over, fmt::format("{:.2g}", d.mean), fmt::format("{:.2g}", d.variance)});
  }
  return claim;
}

/// Each word in a batch of 64 against the same word alone and against the same batch with half as many positions more.
Claim measure_invariance(Laboratory& laboratory) {
  Claim claim = make_claim(laboratory, "7", "LayerNorm is the same for any batch size and length");
  WordClassifier layer = laboratory.reference(Norm::layer), batch = laboratory.reference(Norm::batch);
  const tg::NoRecord pause;
  const auto picks = laboratory.random_test_words(64, 7);
  const auto& words = laboratory.corpus().test;
  const Batch together = make_batch(words, picks);
  const std::int64_t length = together.letters.size(1);
  const Batch longer = make_batch(words, picks, length + length / 2);

  // The layer itself, on the embedded words.
  const tg::Tensor x = layer.embed(together);
  const tg::Tensor y = tg::layer_norm(x);
  double layer_difference = 0;
  for (std::int64_t i = 0; i < x.size(0); ++i) {
    const tg::Tensor alone = tg::layer_norm(x.slice(0, {.start = i, .stop = i + 1}).contiguous());
    layer_difference = larger(layer_difference, largest(y[i] - alone[0]));
  }

  const auto network_difference = [&](WordClassifier& model) {
    model.eval();
    const tg::Tensor logits = logits_of(model, together);
    const double size = largest(logits);
    double difference = largest(logits - logits_of(model, longer));
    for (std::size_t i = 0; i < picks.size(); ++i) {
      const tg::Tensor alone = logits_of(model, make_batch(words, std::span(picks).subspan(i, 1)));
      difference = larger(difference, largest(logits[static_cast<std::int64_t>(i)] - alone[0]));
    }
    return difference / size;
  };
  const double by_layer = network_difference(layer), by_batch = network_difference(batch);
  const std::vector<ExactCheck> checks{
      {"the layer, batch of 64 against alone", layer_difference, Bound::equal_to, 0},
      {"the network, relative", by_layer, Bound::at_most, kTolerance},
      {"BatchNorm's network in evaluation, relative", by_batch, Bound::at_most, kTolerance}};
  claim.verdict = exact_verdict(checks, true);
  claim.setup =
      "64 test words together, each alone, and with half as much padding again; " + laboratory.reference_setup();
  claim.sentence =
      "A word gets the same answer alone, among 64 and with more padding. With running statistics that is true of "
      "BatchNorm too: it is in training that its words are not alone.";
  claim.measurements = {{"what", "largest difference"},
                        {{"LayerNorm, the layer", fmt::format("{:.2g}", layer_difference)},
                         {"LayerNorm, the network, relative", fmt::format("{:.2g}", by_layer)},
                         {"BatchNorm in evaluation, the network, relative", fmt::format("{:.2g}", by_batch)}}};
  return claim;
}

}  // namespace norm_study
