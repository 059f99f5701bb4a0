#include <fmt/format.h>

#include "ops/index/indices.hpp"
#include "ops/index/named_rows.hpp"
#include "tape/expect.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/index.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/view.hpp"

namespace tapegrad {

/// x [P, R], rows [B] in [0, P), values [B, R]; the public function brings any index to this form.
struct IndexPut : Op<IndexPut> {
  static constexpr std::string_view name = "index_put";
  static constexpr std::string_view math =
      R"(y = x,\ y_{k_b} = v_b \text{ for } b = 1, 2, \ldots;\quad \bar v_b = \bar y_{k_b}\ (b \text{ the last, else } 0),\ \bar x = \bar y\ (0 \text{ at } k))";
  static constexpr Names<3> input_names = {"x", "rows", "values"};
  static constexpr Keep keep = Keep::input(1);

  Tensor forward(const Tensor& x, const Tensor& rows, const Tensor& values) const {
    const array::Array y = contiguous_copy(array_of(x));
    write_rows(y, kernels::slices_along(y.shape, 0), contiguous_array(rows), contiguous_array(values));
    return wrap(y);
  }
  std::array<Tensor, 3> vjp(const Saved& s, const Tensor& dy) const {
    const Tensor& rows = s.input(1);
    const Tensor nothing = zeros({rows.numel(), dy.size(1)}, {.dtype = dy.dtype()});
    return {s.wants(0) ? apply(IndexPut(), dy, rows, nothing) : Tensor(), Tensor(),
            s.wants(2) ? where(is_last(rows, dy.size(0)), index_select(dy, 0, rows), 0.0) : Tensor()};
  }
  Tensor jvp(const Saved& s, Tangents dx) const {
    return apply(IndexPut(), dx[0].defined() ? dx[0] : zeros_like(s.input(0)), s.input(1),
                 dx[2].defined() ? dx[2] : zeros_like(s.input(2)));
  }

  static catalogue::Derivation derivation() {
    return {{"Rows", R"(k_b = (i^{(1)}_b n_2 + i^{(2)}_b)\, n_3 + \ldots)",
             "the index tensors together name a row of x as a matrix, for each of their entries b in row-major order; "
             "$n_d$ are the sizes of the dimensions that they index"},
            {"Overwriting", R"(y_m = v_{b^*(m)},\quad b^*(m) = \max \{b : k_b = m\}, \text{ else } x_m)",
             "the last one stays, so that repeated indices have one meaning"},
            {"Its cotangents", R"(\bar x_m = [m \notin k]\, \bar y_m,\quad \bar v_b = [b = b^*(k_b)]\, \bar y_{k_b})",
             "what no longer stands in y gets exactly 0"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto indices = [](const std::vector<std::int64_t>& values, const Shape& shape) {
      return from_vector(values, shape);
    };
    const auto one =
        catalogue::of<3>([](const Tensor& x, const Tensor& i, const Tensor& v) { return index_put(x, {i}, v); });
    const auto two = catalogue::of<4>([](const Tensor& x, const Tensor& i, const Tensor& j, const Tensor& v) {
      return index_put(x, {i, j}, v);
    });
    return {
        {"rows", {uniform(g, {4, 2}, -2, 2), indices({3, 0}, {2}), uniform(g, {2, 2}, -2, 2)}, one},
        {"repeated rows", {uniform(g, {3, 2}, -2, 2), indices({1, 1, 0, 1}, {4}), uniform(g, {4, 2}, -2, 2)}, one},
        {"elements",
         {uniform(g, {3, 2}, -2, 2), indices({2, 0, 2}, {3}), indices({1, 0, 1}, {3}), uniform(g, {3}, -2, 2)},
         two},
        {"a grid",
         {uniform(g, {3, 3, 2}, -2, 2), indices({2, 0}, {2, 1}), indices({1, 0}, {2}), uniform(g, {2, 2, 2}, -2, 2)},
         two},
        {"values broadcast", {uniform(g, {4, 2}, -2, 2), indices({3, 0, 3}, {3}), uniform(g, {2}, -2, 2)}, one},
        {"no indices", {uniform(g, {3, 2}, -2, 2), indices({}, {0}), uniform(g, {0, 2}, -2, 2)}, one},
        {"no elements", {uniform(g, {3, 0}, -2, 2), indices({1}, {1}), uniform(g, {1, 0}, -2, 2)}, one}};
  }
  static catalogue::ErrorSamples errors() {
    const auto at = [](const std::vector<std::int64_t>& values) { return from_vector(values); };
    return {
        {"out of range",
         [at] {
           (void)index_put(zeros({2, 3}), {at({0, 1}), at({0, 3})}, zeros({2}));
         },
         "[index_put] index 3 at [1] is out of range for size 3"},
        {"negative", [at] { (void)index_put(zeros({2}), {at({-1})}, zeros({1})); },
         "[index_put] index -1 at [0] is out of range for size 2"},
        {"no index", [] { (void)index_put(zeros({2}), {}, zeros({1})); }, "[index_put] expected 1 to 1 index tensors"},
        {"too many",
         [at] {
           (void)index_put(zeros({2, 2}), {at({0}), at({0}), at({0})}, zeros({1}));
         },
         "[index_put] expected 1 to 2 index tensors for [2, 2], got 3"},
        {"scalar", [at] { (void)index_put(zeros({}), {at({0})}, zeros({1})); },
         "[index_put] a scalar has no dimension to index"},
        {"index shapes",
         [at] {
           (void)index_put(zeros({2, 2}), {at({0, 1}), at({0, 1, 0})}, zeros({1}));
         },
         "[index_put] cannot broadcast [2] with [3]"},
        {"values",
         [at] {
           (void)index_put(zeros({2, 3}), {at({0, 1})}, zeros({2, 2}));
         },
         "[index_put] values [2, 2] do not broadcast to [2, 3]"},
        {"index dtype", [] { (void)index_put(zeros({2}), {zeros({1})}, zeros({1})); },
         "[index_put] expected int64 indices, got float32 [1]"},
        {"dtypes", [at] { (void)index_put(zeros({2}), {at({0})}, zeros({1}, {.dtype = float64})); },
         "[index_put] float32 [2] with float64 [1]"},
        {"sum of bool",
         [at] { (void)index_put(zeros({2}, {.dtype = boolean}), {at({0})}, zeros({1}, {.dtype = boolean}), true); },
         "[index_put] bool [2] cannot be summed"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"1024 rows of [512, 512]",
            {catalogue::uniform(g, {512, 512}, -2, 2), randint(0, 512, {1024}, g),
             catalogue::uniform(g, {1024, 512}, -2, 2)},
            catalogue::of<3>([](const Tensor& x, const Tensor& rows, const Tensor& values) {
              return index_put(x, {rows}, values);
            })};
  }

 private:
  /// [B, 1]: whether each entry is the last one that names its row.
  static Tensor is_last(const Tensor& rows, std::int64_t count) {
    const Tensor mine = places({rows.numel(), 1});
    const Tensor last = apply(IndexPut(), zeros({count, 1}, {.dtype = int64}), rows, mine);
    return equal(index_select(last, 0, rows), mine);
  }
};

Tensor index_put(const Tensor& x, const std::vector<Tensor>& indices, const Tensor& values, bool accumulate) {
  expect_defined(IndexPut::name, x, "input 0 (x)");
  expect_defined(IndexPut::name, values, "input 2 (values)");
  expect_same_dtype(IndexPut::name, x, values);
  if (accumulate) expect_number(IndexPut::name, x);
  const auto [matrix, rows, full] = named_rows(IndexPut::name, x, indices);
  if (!broadcasts_to(values.shape(), full))
    throw ShapeError(
        fmt::format("[index_put] values {} do not broadcast to {}", to_string(values.shape()), to_string(full)));
  const Tensor sources = reshape(expand(values, full), {rows.numel(), matrix[1]});
  const Tensor target = reshape(x, matrix);
  return reshape(accumulate ? index_add(target, 0, rows, sources) : apply(IndexPut(), target, rows, sources),
                 x.shape());
}

TAPEGRAD_CATALOGUE(index, index_put, IndexPut)

}  // namespace tapegrad
