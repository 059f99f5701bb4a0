#include <fmt/format.h>

#include "ops/index/indices.hpp"
#include "ops/index/named_rows.hpp"
#include "tape/expect.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/index.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

struct IndexSelect : Op<IndexSelect> {
  static constexpr std::string_view name = "index_select";
  static constexpr std::string_view math =
      R"(y_{\cdot j \cdot} = x_{\cdot k_j \cdot};\quad \bar x_{\cdot m \cdot} = \sum_{j:\, k_j = m} \bar y_{\cdot j \cdot})";
  static constexpr Names<2> input_names = {"x", "index"};
  static constexpr Keep keep = Keep::input(1);
  int axis;

  explicit IndexSelect(int d) : axis(d) {}

  Tensor forward(const Tensor& x, const Tensor& index) const {
    if (index.dim() != 1)
      throw ShapeError(fmt::format("[index_select] expected an index [K], got {}", to_string(index.shape())));
    const array::Array chosen = checked_indices(name, index, x.shape()[axis]);
    const array::Array source = contiguous_array(x);
    Shape shape = x.shape();
    shape[axis] = index.numel();
    Tensor y = empty(shape, {.dtype = x.dtype()});
    copy_rows(source.data(), kernels::slices_along(x.shape(), axis), chosen.as<std::int64_t>(), index.numel(),
              array_of(y).data(), size_of(x.dtype()));
    return y;
  }
  std::array<Tensor, 2> vjp(const Saved& s, const Tensor& dy) const {
    return {index_add(zeros(s.input_shape(0), {.dtype = s.input_dtype(0)}), axis, s.input(1), dy), Tensor()};
  }
  void fused_vjp(const Saved& s, const Tensor& dy, GradientSink& sink) const {
    const Tensor sums = sink.accumulate_into(0);
    array_of(sums).storage->written_by("index_select's gradient");
    add_rows(array_of(sums), kernels::slices_along(sums.shape(), axis), contiguous_array(s.input(1)),
             contiguous_array(dy));
  }
  Tensor jvp(const Saved& s, Tangents dx) const { return index_select(dx[0], axis, s.input(1)); }
  void describe(AttributeVisitor& visitor) const { visitor("axis", axis); }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y_{\cdot j \cdot} = x_{\cdot k_j \cdot})", "k is the index vector"},
            {"Cotangent", R"(\bar x_{\cdot m \cdot} = \sum_{j:\, k_j = m} \bar y_{\cdot j \cdot})",
             "an entry selected several times collects a cotangent from each place: index_add"},
            {"Several index tensors", R"(k_b = (i^{(1)}_b n_2 + i^{(2)}_b)\, n_3 + \ldots)",
             "what they name together are rows of x as a matrix: index is recorded as this, between two reshapes"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto along = [](int d) {
      return catalogue::of<2>([d](const Tensor& x, const Tensor& index) { return index_select(x, d, index); });
    };
    const auto indices = [](const std::vector<std::int64_t>& values) { return from_vector(values); };
    return {{"first dimension", {uniform(g, {4, 2}, -2, 2), indices({3, 0})}, along(0)},
            {"middle dimension", {uniform(g, {2, 3, 2}, -2, 2), indices({2, 0, 1, 2})}, along(1)},
            {"negative axis", {uniform(g, {2, 3}, -2, 2), indices({1, 2})}, along(-1)},
            {"repeated index", {uniform(g, {3, 2}, -2, 2), indices({1, 1, 0, 1})}, along(0)},
            {"two index tensors",
             {uniform(g, {3, 2, 2}, -2, 2), indices({2, 0, 2}), indices({1, 1, 1})},
             catalogue::of<3>([](const Tensor& x, const Tensor& i, const Tensor& j) {
               return index(x, {i, j});
             })},
            {"no indices", {uniform(g, {3, 2}, -2, 2), indices({})}, along(0)},
            {"no elements", {uniform(g, {3, 0}, -2, 2), indices({2, 2})}, along(0)}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"out of range",
             [] {
               (void)index_select(zeros({2, 3}), 1, from_vector(std::vector<std::int64_t>{0, 3}, {2}));
             },
             "[index_select] index 3 at [1] is out of range for size 3"},
            {"rank",
             [] {
               (void)index_select(zeros({2, 3}), 1, zeros({1, 2}, {.dtype = int64}));
             },
             "[index_select] expected an index [K], got [1, 2]"},
            {"dtype", [] { (void)index_select(zeros({2}), 0, zeros({2})); },
             "[index_select] expected int64 indices, got float32 [2]"},
            {"index: out of range",
             [] {
               const Tensor rows = from_vector(std::vector<std::int64_t>{0, 1}, {2, 1});
               (void)index(zeros({2, 3}), {rows, from_vector(std::vector<std::int64_t>{2, 3}, {2})});
             },
             "[index] index 3 at [1] is out of range for size 3"},
            {"index: too many",
             [] {
               const Tensor rows = zeros({1}, {.dtype = int64});
               (void)index(zeros({2}), {rows, rows});
             },
             "[index] expected 1 to 1 index tensors for [2], got 2"},
            {"index: shapes",
             [] {
               (void)index(zeros({2, 3}), {zeros({2}, {.dtype = int64}), zeros({3}, {.dtype = int64})});
             },
             "[index] cannot broadcast [2] with [3]"},
            {"index: dtype", [] { (void)index(zeros({2}), {zeros({2})}); },
             "[index] expected int64 indices, got float32 [2]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"1024 rows of [512, 512]",
            {catalogue::uniform(g, {512, 512}, -2, 2), randint(0, 512, {1024}, g)},
            catalogue::of<2>([](const Tensor& x, const Tensor& index) { return index_select(x, 0, index); })};
  }
};

Tensor index_select(const Tensor& x, Axis axis, const Tensor& index) {
  return apply(IndexSelect(axis_of(IndexSelect::name, axis, x, "input 0 (x)")), x, index);
}

Tensor index(const Tensor& x, const std::vector<Tensor>& indices) {
  const auto [matrix, rows, result] = named_rows("index", x, indices);
  return reshape(index_select(reshape(x, matrix), 0, rows), result);
}

TAPEGRAD_CATALOGUE(index, index_select, IndexSelect)

}  // namespace tapegrad
