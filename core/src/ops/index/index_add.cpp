#include <fmt/format.h>

#include "ops/index/indices.hpp"
#include "tape/expect.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/index.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/view.hpp"

namespace tapegrad {

struct IndexAdd : Op<IndexAdd> {
  static constexpr std::string_view name = "index_add";
  static constexpr std::string_view math =
      R"(y_{\cdot m \cdot} = x_{\cdot m \cdot} + \sum_{j:\, k_j = m} s_{\cdot j \cdot};\quad \bar x = \bar y,\ \bar s_{\cdot j \cdot} = \bar y_{\cdot k_j \cdot})";
  static constexpr Names<3> input_names = {"x", "index", "source"};
  int axis;

  explicit IndexAdd(int d) : axis(d) {}

  /// Only the gradient of the source reads the index.
  Keep keep_for(Wants wants) const { return wants(2) ? Keep::input(1) : Keep::nothing; }

  Tensor forward(const Tensor& x, const Tensor& index, const Tensor& source) const {
    expect_number(name, x);
    expect_same_dtype(name, x, source);
    if (index.dim() != 1)
      throw ShapeError(fmt::format("[index_add] expected an index [K], got {}", to_string(index.shape())));
    Shape shape = x.shape();
    shape[axis] = index.numel();
    if (source.shape() != shape)
      throw ShapeError(fmt::format("[index_add] expected a source {} for {} and an index {}, got {}", to_string(shape),
                                   to_string(x.shape()), to_string(index.shape()), to_string(source.shape())));
    const array::Array chosen = checked_indices(name, index, x.shape()[axis]);
    const array::Array sums = contiguous_copy(array_of(x));
    add_rows(sums, kernels::slices_along(x.shape(), axis), chosen, contiguous_array(source));
    return wrap(sums);
  }
  std::array<Tensor, 3> vjp(const Saved& s, const Tensor& dy) const {
    return {dy, Tensor(), s.wants(2) ? index_select(dy, axis, s.input(1)) : Tensor()};
  }
  Tensor jvp(const Saved& s, Tangents dx) const {
    if (!dx[2].defined()) return dx[0];
    return index_add(dx[0].defined() ? dx[0] : zeros_like(s.input(0)), axis, s.input(1), dx[2]);
  }
  void describe(AttributeVisitor& visitor) const { visitor("axis", axis); }

  static catalogue::Derivation derivation() {
    return {
        {"Definition", R"(y_{\cdot m \cdot} = x_{\cdot m \cdot} + \sum_{j:\, k_j = m} s_{\cdot j \cdot})",
         "k is the index vector, s the source"},
        {"Cotangents", R"(\bar x = \bar y,\quad \bar s_{\cdot j \cdot} = \bar y_{\cdot k_j \cdot})",
         "each $s_j$ stands in exactly one sum, with coefficient 1: index_select"},
        {"Several index tensors", R"(k_b = (i^{(1)}_b n_2 + i^{(2)}_b)\, n_3 + \ldots)",
         "what they name together are rows of x as a matrix: index_put that accumulates is recorded as this, between "
         "two reshapes"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto along = [](int d) {
      return catalogue::of<3>(
          [d](const Tensor& x, const Tensor& index, const Tensor& source) { return index_add(x, d, index, source); });
    };
    const auto indices = [](const std::vector<std::int64_t>& values) { return from_vector(values); };
    const auto put = catalogue::of<4>([](const Tensor& x, const Tensor& i, const Tensor& j, const Tensor& v) {
      return index_put(x, {i, j}, v, true);
    });
    return {{"first dimension", {uniform(g, {4, 2}, -2, 2), indices({3, 0}), uniform(g, {2, 2}, -2, 2)}, along(0)},
            {"middle dimension",
             {uniform(g, {2, 3, 2}, -2, 2), indices({2, 0, 1, 2}), uniform(g, {2, 4, 2}, -2, 2)},
             along(1)},
            {"negative axis", {uniform(g, {2, 3}, -2, 2), indices({1, 2}), uniform(g, {2, 2}, -2, 2)}, along(-1)},
            {"repeated index", {uniform(g, {3, 2}, -2, 2), indices({1, 1, 0, 1}), uniform(g, {4, 2}, -2, 2)}, along(0)},
            {"two index tensors",
             {uniform(g, {3, 2}, -2, 2), indices({2, 0, 2}), indices({1, 0, 1}), uniform(g, {3}, -2, 2)},
             put},
            {"a grid",
             {uniform(g, {3, 3, 2}, -2, 2), reshape(indices({2, 0}), {2, 1}), indices({1, 0}),
              uniform(g, {2, 2, 2}, -2, 2)},
             put},
            {"values broadcast",
             {uniform(g, {4, 2}, -2, 2), indices({3, 0, 3}), uniform(g, {2}, -2, 2)},
             catalogue::of<3>(
                 [](const Tensor& x, const Tensor& i, const Tensor& v) { return index_put(x, {i}, v, true); })},
            {"no indices", {uniform(g, {3, 2}, -2, 2), indices({}), uniform(g, {0, 2}, -2, 2)}, along(0)}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"out of range",
             [] {
               (void)index_add(zeros({2, 3}), 0, from_vector(std::vector<std::int64_t>{0, 2}, {2}), zeros({2, 3}));
             },
             "[index_add] index 2 at [1] is out of range for size 2"},
            {"shapes",
             [] {
               (void)index_add(zeros({2, 3}), 0, zeros({4}, {.dtype = int64}), zeros({2, 3}));
             },
             "[index_add] expected a source [4, 3] for [2, 3] and an index [4], got [2, 3]"},
            {"rank",
             [] {
               (void)index_add(zeros({2}), 0, zeros({1, 2}, {.dtype = int64}), zeros({2}));
             },
             "[index_add] expected an index [K], got [1, 2]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"1024 rows to [512, 512]",
            {catalogue::uniform(g, {512, 512}, -2, 2), randint(0, 512, {1024}, g),
             catalogue::uniform(g, {1024, 512}, -2, 2)},
            catalogue::of<3>([](const Tensor& x, const Tensor& index, const Tensor& source) {
              return index_add(x, 0, index, source);
            })};
  }
};

Tensor index_add(const Tensor& x, Axis axis, const Tensor& index, const Tensor& source) {
  return apply(IndexAdd(axis_of(IndexAdd::name, axis, x, "input 0 (x)")), x, index, source);
}

TAPEGRAD_CATALOGUE(index, index_add, IndexAdd)

}  // namespace tapegrad
