#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/dispatch.hpp"
#include "kernels/rotary.hpp"
#include "ops/attention/heads.hpp"
#include "tape/expect.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/attention.hpp"
#include "tapegrad/ops/engine/rotary_options.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

struct RotaryEmbedding : Op<RotaryEmbedding> {
  static constexpr std::string_view name = "rotary_embedding";
  static constexpr std::string_view math =
      R"(y_p = R_p\, x_p,\ R_p \text{ turns pair } i \text{ of } E \text{ features by } p\, b^{-2 i / E};\quad \bar x_p = R_p^\top \bar y_p = R_{-p}\, \bar y_p)";
  static constexpr Keep keep = Keep::nothing;
  static constexpr bool linear = true;
  RotaryOptions options;
  bool back;  // by the negative angles

  RotaryEmbedding(const RotaryOptions& asked, bool backwards) : options(asked), back(backwards) {}

  Tensor forward(const Tensor& x) const {
    if (x.numel() == 0) return empty(x.shape(), {.dtype = x.dtype()});
    const std::int64_t length = x.size(-2);
    const std::int64_t width = x.size(-1);
    const array::Array from = with_unit_rows(x.dim() == 4 ? x : reshape(x, {-1, 1, length, width}));
    const bool heads_inside = from.strides[1] < from.strides[2];
    const Tensor y = heads_inside ? interleaved(from.shape, width, x.dtype()) : empty(from.shape, {.dtype = x.dtype()});
    const Tensor angles = angles_of(length, width);
    const Tensor cosine = cos(angles);
    const Tensor sine = back ? neg(sin(angles)) : sin(angles);
    const array::Array cosines = contiguous_array(features(cosine, cosine).to(x.dtype()));
    const array::Array sines = contiguous_array(features(neg(sine), sine).to(x.dtype()));
    with_floating(x.dtype(), [&](auto zero) {
      using T = decltype(zero);
      kernels::rotate({.batch = from.shape[0],
                       .heads = from.shape[1],
                       .length = length,
                       .width = width,
                       .halves = options.pairs == RotaryPairs::halves,
                       .cosines = cosines.as<const T>(),
                       .sines = sines.as<const T>()},
                      heads_of<const T>(from), heads_of<T>(array_of(y)));
    });
    return x.dim() == 4 ? y : reshape(y, x.shape());
  }
  Tensor vjp(const Saved&, const Tensor& dy) const { return apply(RotaryEmbedding(options, !back), dy); }
  void describe(AttributeVisitor& visitor) const {
    visitor("base", options.base);
    visitor("first", options.first);
    visitor("pairs", options.pairs == RotaryPairs::halves ? "halves" : "neighbours");
    if (back) visitor("back", true);
  }

  static catalogue::Derivation derivation() {
    return {
        {"Definition",
         R"(y_j = x_j \cos p\theta_i - x_k \sin p\theta_i,\quad y_k = x_k \cos p\theta_i + x_j \sin p\theta_i,\quad \theta_i = b^{-2 i / E})",
         "Su et al. 2021, arXiv:2104.09864, equations 15 and 34: at position p, for each pair of features (j, k), "
         "which is (2i, 2i + 1) there, and (i, i + E / 2) in many programs"},
        {"Cotangent", R"(\bar x_p = R_p^\top \bar y_p = R_{-p}\, \bar y_p)",
         "the transpose of a rotation turns back: the same function with negative angles. Nothing is kept, and lengths "
         "are those of before"},
        {"Why", R"((R_p q) \cdot (R_r k) = q \cdot R_p^\top R_r k = q \cdot R_{r - p}\, k)",
         "rotations add up, so that a product of a query and a key depends on their distance alone"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto with = [](const RotaryOptions& chosen) {
      return catalogue::of([=](const Tensor& x) { return rotary_embedding(x, chosen); });
    };
    return {
        {"heads", {uniform(g, {2, 2, 3, 4}, -2, 2)}, with({})},
        {"a sequence", {uniform(g, {3, 6}, -2, 2)}, with({.base = 10})},
        {"sequences of halves", {uniform(g, {2, 3, 4}, -2, 2)}, with({.pairs = RotaryPairs::halves})},
        {"one more dimension", {uniform(g, {1, 2, 2, 2, 2}, -2, 2)}, with({})},
        {"further positions", {uniform(g, {1, 1, 2, 6}, -2, 2)}, with({.first = 1000, .pairs = RotaryPairs::halves})},
        {"no positions", {uniform(g, {2, 0, 4}, -2, 2)}, with({})},
        {"no features", {uniform(g, {3, 0}, -2, 2)}, with({})}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"rank", [] { (void)rotary_embedding(zeros({4})); },
             "[rotary_embedding] expected [.., L, E] with an even number of features E, got [4]"},
            {"odd",
             [] {
               (void)rotary_embedding(zeros({2, 3, 5}));
             },
             "[rotary_embedding] expected [.., L, E] with an even number of features E, got [2, 3, 5]"},
            {"base",
             [] {
               (void)rotary_embedding(zeros({3, 4}), {.base = 0.0});
             },
             "[rotary_embedding] expected a positive base of rotary embedding, got 0"},
            {"before the first",
             [] {
               (void)rotary_embedding(zeros({3, 4}), {.first = -1});
             },
             "[rotary_embedding] expected a first position of at least 0, got -1"},
            {"too late",
             [] {
               (void)rotary_embedding(zeros({3, 4}), {.first = INT64_MAX - 2});
             },
             "[rotary_embedding] expected a first position whose last, for [3, 4], is an int64, got "
             "9223372036854775805"},
            {"pairs",
             [] {
               (void)rotary_embedding(zeros({3, 4}), {.pairs = static_cast<RotaryPairs>(9)});
             },
             "[rotary_embedding] no such pairs of rotary embedding"},
            {"integers",
             [] {
               (void)rotary_embedding(zeros({3, 4}, {.dtype = int64}));
             },
             "[rotary_embedding] expected a floating tensor, got int64 [3, 4]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"64 x 4 heads x 12, width 16",
            {catalogue::uniform(g, {64, 4, 12, 16}, -2, 2)},
            catalogue::of([](const Tensor& x) { return rotary_embedding(x); })};
  }

 private:
  /// float64 [length, width / 2]
  Tensor angles_of(std::int64_t length, std::int64_t width) const {
    std::vector<double> rates(static_cast<std::size_t>(width / 2));
    for (std::size_t i = 0; i < rates.size(); ++i)
      rates[i] = std::pow(options.base, static_cast<double>(2 * i) / static_cast<double>(width));
    std::vector<double> positions(static_cast<std::size_t>(length));
    for (std::size_t p = 0; p < positions.size(); ++p)
      positions[p] = static_cast<double>(options.first + static_cast<std::int64_t>(p));
    return from_vector(positions, {length, 1}) / from_vector(rates, {width / 2});
  }
  /// What the first and the second features of all pairs have, [L, E / 2], in the features' order.
  Tensor features(const Tensor& firsts, const Tensor& seconds) const {
    if (options.pairs == RotaryPairs::halves) return cat({firsts, seconds}, 1);
    return reshape(stack({firsts, seconds}, 2), {firsts.size(0), 2 * firsts.size(1)});
  }
};

void engine::expect_rotary(std::string_view owner, const RotaryOptions& options) {
  if (!(options.base > 0.0) || std::isinf(options.base))
    throw ValueError(fmt::format("[{}] expected a positive base of rotary embedding, got {}", owner, options.base));
  if (options.pairs != RotaryPairs::neighbours && options.pairs != RotaryPairs::halves)
    throw ValueError(fmt::format("[{}] no such pairs of rotary embedding", owner));
  if (options.first < 0)
    throw ValueError(fmt::format("[{}] expected a first position of at least 0, got {}", owner, options.first));
}

Tensor rotary_embedding(const Tensor& x, const RotaryOptions& options) {
  constexpr std::string_view op = RotaryEmbedding::name;
  expect_floating(op, x);
  if (x.dim() < 2 || x.size(-1) % 2 != 0)
    throw ShapeError(
        fmt::format("[{}] expected [.., L, E] with an even number of features E, got {}", op, to_string(x.shape())));
  engine::expect_rotary(op, options);
  if (options.first > std::numeric_limits<std::int64_t>::max() - x.size(-2))
    throw ValueError(fmt::format("[{}] expected a first position whose last, for {}, is an int64, got {}", op,
                                 to_string(x.shape()), options.first));
  return apply(RotaryEmbedding(options, false), x);
}

TAPEGRAD_CATALOGUE(attention, rotary_embedding, RotaryEmbedding)

}  // namespace tapegrad
