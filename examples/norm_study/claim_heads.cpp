// Claim 5: LayerNorm evens out concatenated heads.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "norm_study/claims.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/tape.hpp"

namespace norm_study {
namespace tg = tapegrad;
namespace {

constexpr std::int64_t kHeads = 4;

/// Of a token's features, as a geometric mean over the tokens of x [N, L, features]: what scales each token by a factor
/// of its own scales all heads' sizes alike.
double root_mean_square(const tg::Tensor& x) {
  return std::exp(0.5 * tg::mean(tg::log(tg::mean(tg::square(x.to(tg::float64)), 2))).item());
}

/// The same about the mean of each token's own features: blind to a shift of the token.
double spread(const tg::Tensor& x) { return root_mean_square(x - tg::mean(x, 2, true)); }

/// Ratio of the largest to the smallest among parts of equal shape.
double ratio(const std::vector<tg::Tensor>& parts, double (*size)(const tg::Tensor&)) {
  double low = INFINITY, high = 0;
  for (const tg::Tensor& part : parts) {
    low = std::min(low, size(part));
    high = std::max(high, size(part));
  }
  return high / low;
}

/// What a normalisation makes of the summands of x [N, L, E]: the statistics being those of x, it is an affine map, so
/// that a summand c becomes (c - its own mean) / sigma. LayerNorm takes both along axis 2, BatchNorm along axes 0
/// and 1.
std::vector<tg::Tensor> normalized_parts(const std::vector<tg::Tensor>& parts, const tg::Tensor& x,
                                         const tg::Axes& axes) {
  const tg::Tensor rstd = tg::rsqrt(tg::var(x, axes, {.correction = 0, .keepdim = true}) + 1e-5);
  std::vector<tg::Tensor> made;
  for (const tg::Tensor& part : parts) made.push_back((part - tg::mean(part, axes, true)) * rstd);
  return made;
}

struct Ratios {
  double before, after_layer, after_batch;
  /// On the scale of logarithms: 0 for heads that are even afterwards, 1 for a ratio that stays.
  double left_by_layer() const { return left_of_ratio(before, after_layer); }
  double left_by_batch() const { return left_of_ratio(before, after_batch); }
};

/// The heads side by side, normalised as they are.
Ratios directly(const tg::Tensor& heads, double (*size)(const tg::Tensor&)) {
  const auto cut = [](const tg::Tensor& t) { return tg::chunk(t, kHeads, 2); };
  const tg::Axes features{2}, batch{0, 1};
  return {ratio(cut(heads), size), ratio(cut(normalized_parts({heads}, heads, features)[0]), size),
          ratio(cut(normalized_parts({heads}, heads, batch)[0]), size)};
}

/// What each head contributes after the output projection and the residual, before and after the normalisation.
Ratios as_contributions(const tg::Tensor& heads, const tg::Tensor& projection, const tg::Tensor& residual) {
  const std::int64_t width = heads.size(2) / kHeads;
  std::vector<tg::Tensor> parts;
  tg::Tensor x = residual;
  for (std::int64_t h = 0; h < kHeads; ++h) {
    const tg::Slice range{.start = h * width, .stop = (h + 1) * width};
    parts.push_back(tg::linear(heads.slice(2, range), projection.slice(1, range).contiguous()));
    x = x + parts.back();
  }
  return {ratio(parts, root_mean_square), ratio(normalized_parts(parts, x, {2}), root_mean_square),
          ratio(normalized_parts(parts, x, {0, 1}), root_mean_square)};
}

/// Of heads scaled by 0.1, 1, 10 and 100, and of those of a trained network.
struct HeadRatios {
  Ratios spreads;    // side by side
  Ratios sizes;      // root mean squares, side by side
  Ratios projected;  // root mean squares, after projection and residual
  Ratios trained;    // the same of the trained heads
};

/// Test words of one length: every position counts.
Batch words_of_one_length(const Laboratory& laboratory) {
  std::vector<std::size_t> picks;
  for (const std::size_t w : laboratory.random_test_words(laboratory.corpus().test.size(), 5))
    if (laboratory.corpus().test[w].length() == 8 && picks.size() < 64) picks.push_back(w);
  if (picks.empty()) picks = laboratory.random_test_words(1, 5);
  return make_batch(laboratory.corpus().test, picks);
}

HeadRatios head_ratios(Laboratory& laboratory) {
  const tg::NoRecord pause;
  tg::Generator generator(laboratory.options().seed + 50);
  std::vector<tg::Tensor> scaled;
  for (const double scale : {0.1, 1.0, 10.0, 100.0}) scaled.push_back(scale * tg::randn({64, 12, 16}, generator));
  const tg::Tensor heads = tg::cat(scaled, 2);
  const tg::Tensor residual = tg::randn({64, 12, 64}, generator);

  WordClassifier network = laboratory.reference(Norm::layer);
  const SelfAttention& attention = network.layers.front().self_attn;
  const Batch words = words_of_one_length(laboratory);
  const tg::Tensor embedded = network.embed(words);
  const tg::Tensor learnt =
      attention.concatenated_heads(network.layers.front().norm1(embedded, words.mask), words.mask);
  return {directly(heads, spread), directly(heads, root_mean_square),
          as_contributions(heads, attention.out_proj.weight, residual),
          as_contributions(learnt, attention.out_proj.weight, embedded)};
}

BarChart head_chart(const HeadRatios& ratios) {
  const auto& [spreads, sizes, projected, trained] = ratios;
  return {.title =
              "What is left of the ratio of the largest to the smallest head: spreads of heads side by side, root mean "
              "squares after projection and residual",
          .x_label = "log(after)/log(before): 0 even, 1 kept",
          .categories = {"side by side (spread)", "projected (RMS)", "trained (RMS)"},
          .bars = {{"LayerNorm",
                    Colour::blue,
                    {spreads.left_by_layer(), projected.left_by_layer(), trained.left_by_layer()},
                    {},
                    {}},
                   {"BatchNorm",
                    Colour::orange,
                    {spreads.left_by_batch(), projected.left_by_batch(), trained.left_by_batch()},
                    {},
                    {}}},
          .references = {{0.5, "half evened out"}},
          .decimals = 2};
}

Table head_table(const HeadRatios& ratios) {
  Table table{{"heads", "ratio before", "after LayerNorm", "after BatchNorm"}, {}};
  for (const auto& [name, r] : {std::pair{"scaled, side by side: spread", ratios.spreads},
                                std::pair{"scaled, side by side: root mean square", ratios.sizes},
                                std::pair{"scaled, after projection and residual: root mean square", ratios.projected},
                                std::pair{"trained, after projection and residual: root mean square", ratios.trained}})
    table.rows.push_back({name, fmt::format("{:.3g}", r.before), fmt::format("{:.3g}", r.after_layer),
                          fmt::format("{:.3g}", r.after_batch)});
  return table;
}

}  // namespace

/// Heads scaled by 0.1, 1, 10 and 100: the ratio of the largest to the smallest head, before and after normalisation.
/// The heads of a trained network are shown, but differ too little to be judged.
Claim measure_heads(Laboratory& laboratory) {
  Claim claim = make_claim(laboratory, "5", "LayerNorm evens out concatenated heads");
  const HeadRatios ratios = head_ratios(laboratory);
  const auto& [spreads, sizes, projected, trained] = ratios;
  const std::vector<ExactCheck> checks{
      {"log(ratio after) / log(ratio before) of the heads' spreads, side by side (by construction)",
       spreads.left_by_layer(), Bound::at_most, 0.5},
      {"of their root mean squares, after projection and residual", projected.left_by_layer(), Bound::at_most, 0.5}};
  // One shift and one scale for a token: what it has between heads side by side cannot change. After the projection it
  // can: a head that is projected onto (1, ..., 1) is taken away with the token's mean.
  claim.verdict = exact_verdict(checks, false);
  claim.setup = "heads scaled by 0.1, 1, 10, 100; trained heads of layer 1: " + laboratory.reference_setup();
  claim.sentence = fmt::format(
      "LayerNorm shifts and scales a token as a whole, so the ratio between its heads side by side stays: {:.0f} "
      "before and {:.0f} after, of their spreads. (The plain root mean square of heads side by side goes from "
      "{:.0f} to {:.1f}, but only because the common shift outweighs the smallest head.) BatchNorm scales each "
      "feature by itself and evens heads side by side out, {:.0f} to {:.2f}. After projection and residual the root "
      "mean squares' ratio of {:.0f} becomes {:.0f} with LayerNorm and {:.0f} with BatchNorm. Trained heads differ "
      "by a factor of {:.2f} there: little to even out. Sizes of heads are geometric means over the tokens.",
      spreads.before, spreads.after_layer, sizes.before, sizes.after_layer, spreads.before, spreads.after_batch,
      projected.before, projected.after_layer, projected.after_batch, trained.before);
  claim.charts = {head_chart(ratios)};
  claim.measurements = head_table(ratios);
  return claim;
}

}  // namespace norm_study
