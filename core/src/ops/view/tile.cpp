#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "kernels/slices.hpp"
#include "ops/view/blocks.hpp"
#include "tape/expect.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

struct Tile : Op<Tile> {
  static constexpr std::string_view name = "tile";
  static constexpr std::string_view math =
      R"(y_{\cdot\, i + k n\, \cdot} = x_{\cdot i \cdot},\ 0 \le k < c;\quad \bar x_{\cdot i \cdot} = \sum_k \bar y_{\cdot\, i + k n\, \cdot})";
  static constexpr Keep keep = Keep::nothing;
  static constexpr bool linear = true;
  Shape counts;  // one for each dimension

  explicit Tile(const Shape& by_dimension) : counts(by_dimension) {}

  Tensor forward(const Tensor& x) const {
    Tensor y = x.clone();
    Shape shape = x.shape();
    for (int d = shape.rank() - 1; d >= 0; --d) {
      if (counts[d] == 1) continue;
      const kernels::Slices at = kernels::slices_along(shape, d);
      shape[d] *= counts[d];
      y = reshape(repeat_blocks(y, at.outer, counts[d], at.n * at.inner), shape);
    }
    return y;
  }
  Tensor vjp(const Saved& s, const Tensor& dy) const {
    Tensor dx = dy;
    Shape shape = s.output_shape();
    for (int d = 0; d < shape.rank(); ++d) {
      if (counts[d] == 1) continue;
      shape[d] = s.input_shape(0)[d];
      const kernels::Slices at = kernels::slices_along(shape, d);
      dx = reshape(sum_blocks(dx, at.outer, counts[d], at.n * at.inner), shape);
    }
    return dx;
  }
  void describe(AttributeVisitor& visitor) const { visitor("counts", counts); }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y_{\cdot\, i + k n\, \cdot} = x_{\cdot i \cdot},\quad 0 \le k < c)",
             "c copies of the n entries behind each other, along each dimension"},
            {"Cotangent", R"(\bar x_{\cdot i \cdot} = \sum_{k=0}^{c-1} \bar y_{\cdot\, i + k n\, \cdot})",
             "an element has an effect through each of its copies: the transpose of copying is summing"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto by = [](const std::vector<std::int64_t>& times) {
      return catalogue::of([times](const Tensor& x) { return tile(x, times); });
    };
    return {{"vector", {uniform(g, {3}, -2, 2)}, by({3})},
            {"both dimensions", {uniform(g, {2, 3}, -2, 2)}, by({2, 3})},
            {"outer dimensions", {uniform(g, {2, 2, 3}, -2, 2)}, by({2, 1, 3})},
            {"fewer counts", {uniform(g, {2, 3}, -2, 2)}, by({2})},
            {"more counts", {uniform(g, {3}, -2, 2)}, by({2, 1})},
            {"scalar", {uniform(g, {}, -2, 2)}, by({3})},
            {"no counts", {uniform(g, {2}, -2, 2)}, by({})},
            {"zero times", {uniform(g, {2, 3}, -2, 2)}, by({1, 0})},
            {"no elements", {uniform(g, {0, 2}, -2, 2)}, by({2, 2})}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"negative", [] { (void)tile(zeros({2}), {-1}); }, "[tile] expected counts of at least 0, got [-1]"},
            {"too many elements", [] { (void)tile(zeros({2}), {INT64_MAX}); },
             "[tile] [2] by [9223372036854775807] has too many elements"},
            {"too many counts",
             [] {
               (void)tile(zeros({2}), {1, 1, 1, 1, 1, 1, 1, 1, 1});
             },
             "[tile] a tensor has at most 8 dimensions, got 9 counts"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[128, 128] by 4 x 4", {catalogue::uniform(g, {128, 128}, -2, 2)}, catalogue::of([](const Tensor& x) {
              return tile(x, {4, 4});
            })};
  }
};

Tensor tile(const Tensor& x, const std::vector<std::int64_t>& counts) {
  expect_defined(Tile::name, x);
  const int given = static_cast<int>(counts.size());
  if (given > kMaxRank)
    throw ShapeError(fmt::format("[tile] a tensor has at most {} dimensions, got {} counts", kMaxRank, given));
  const int rank = std::max(x.dim(), given);
  Shape shape = Shape::filled(rank, 1);
  Shape by_dimension = Shape::filled(rank, 1);
  for (int d = 0; d < x.dim(); ++d) shape[rank - x.dim() + d] = x.shape()[d];
  for (int k = 0; k < given; ++k) {
    const std::int64_t count = counts[static_cast<std::size_t>(k)];
    if (count < 0) throw ValueError(fmt::format("[tile] expected counts of at least 0, got {}", counts));
    by_dimension[rank - given + k] = count;
    if (std::int64_t size = 0; __builtin_mul_overflow(shape[rank - given + k], count, &size))
      throw ShapeError(fmt::format("[tile] {} by {} has too many elements", to_string(x.shape()), counts));
  }
  return apply(Tile(by_dimension), reshape(x, shape));
}

TAPEGRAD_CATALOGUE(view, tile, Tile)

}  // namespace tapegrad
