#include "ops/index/indices.hpp"
#include "tape/pointwise.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/index.hpp"
#include "tapegrad/ops/pointwise.hpp"

namespace tapegrad {

struct ScatterAdd : Op<ScatterAdd> {
  static constexpr std::string_view name = "scatter_add";
  static constexpr std::string_view math =
      R"(y_{\cdot m \cdot} = x_{\cdot m \cdot} + \sum_{j:\, k(\cdot j \cdot) = m} s_{\cdot j \cdot};\quad \bar x = \bar y,\ \bar s_{\cdot j \cdot} = \bar y_{\cdot\, k(\cdot j \cdot)\, \cdot})";
  static constexpr Keep keep = Keep::input(1);
  int axis;

  explicit ScatterAdd(int d) : axis(d) {}

  /// Only the gradient of the source reads the index.
  Keep keep_for(Wants wants) const { return wants(2) ? Keep::input(1) : Keep::nothing; }

  Tensor forward(const Tensor& x, const Tensor& index, const Tensor& source) const {
    expect_number(name, x);
    expect_same_dtype(name, x, source);
    expect_scatter(name, x, axis, index, source);
    const array::Array chosen = checked_indices(name, index, x.shape()[axis]);
    const array::Array sums = array::copy(array_of(x));
    add_elements(sums, axis, chosen, contiguous_array(source));
    return wrap(sums);
  }
  std::array<Tensor, 3> vjp(const Saved& s, const Tensor& dy) const {
    return {dy, Tensor(), s.wants(2) ? gather(dy, axis, s.input(1)) : Tensor()};
  }
  Tensor jvp(const Saved& s, Tangents dx) const {
    if (!dx[2].defined()) return dx[0];
    return scatter_add(dx[0].defined() ? dx[0] : zeros_like(s.input(0)), axis, s.input(1), dx[2]);
  }
  void describe(AttributeVisitor& visitor) const { visitor("axis", axis); }

  static catalogue::Derivation derivation() {
    return {
        {"Definition", R"(y_{\cdot m \cdot} = x_{\cdot m \cdot} + \sum_{j:\, k(\cdot j \cdot) = m} s_{\cdot j \cdot})",
         "k is the index tensor, s the source"},
        {"Cotangents", R"(\bar x = \bar y,\quad \bar s_{\cdot j \cdot} = \bar y_{\cdot\, k(\cdot j \cdot)\, \cdot})",
         "each s_j stands in exactly one sum, with coefficient 1: gather"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto along = [](int d) {
      return catalogue::of<3>(
          [d](const Tensor& x, const Tensor& index, const Tensor& source) { return scatter_add(x, d, index, source); });
    };
    const auto indices = [](const std::vector<std::int64_t>& values, const Shape& shape) {
      return from_vector(values, shape);
    };
    return {{"last dimension",
             {uniform(g, {2, 4}, -2, 2), indices({3, 0, 1, 2, 2, 0}, {2, 3}), uniform(g, {2, 3}, -2, 2)},
             along(1)},
            {"first dimension",
             {uniform(g, {4, 2}, -2, 2), indices({3, 0, 1, 2}, {2, 2}), uniform(g, {2, 2}, -2, 2)},
             along(0)},
            {"repeated index", {uniform(g, {3}, -2, 2), indices({1, 1, 0, 1}, {4}), uniform(g, {4}, -2, 2)}, along(-1)},
            {"smaller elsewhere",
             {uniform(g, {3, 2, 2}, -2, 2), indices({1, 0, 1}, {1, 3, 1}), uniform(g, {1, 3, 1}, -2, 2)},
             along(1)},
            {"no indices", {uniform(g, {2, 3}, -2, 2), indices({}, {2, 0}), uniform(g, {2, 0}, -2, 2)}, along(1)}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"out of range",
             [] {
               scatter_add(zeros({2, 3}), 1, from_vector(std::vector<std::int64_t>{0, 1, 2, 3}, {2, 2}), zeros({2, 2}));
             },
             "[scatter_add] index 3 at [1, 1] is out of range for size 3"},
            {"shapes",
             [] {
               scatter_add(zeros({2, 3}), 1, zeros({2, 1}, {.dtype = int64}), zeros({2, 2}));
             },
             "[scatter_add] an index [2, 1] and a source [2, 2] do not fit [2, 3] along dimension 1"},
            {"dtypes", [] { scatter_add(zeros({2}), 0, zeros({2}, {.dtype = int64}), zeros({2}, {.dtype = float64})); },
             "[scatter_add] float32 [2] with float64 [2]"},
            {"bool",
             [] {
               scatter_add(zeros({2}, {.dtype = boolean}), 0, zeros({2}, {.dtype = int64}),
                           zeros({2}, {.dtype = boolean}));
             },
             "[scatter_add] bool [2] cannot be summed"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[512, 512] along 1",
            {catalogue::uniform(g, {512, 512}, -2, 2), randint(0, 512, {512, 512}, g),
             catalogue::uniform(g, {512, 512}, -2, 2)},
            catalogue::of<3>([](const Tensor& x, const Tensor& index, const Tensor& source) {
              return scatter_add(x, 1, index, source);
            })};
  }
};

Tensor scatter_add(const Tensor& x, int d, const Tensor& index, const Tensor& source) {
  return apply(ScatterAdd(normalize_axis("scatter_add", d, x.dim())), x, index, source);
}

TAPEGRAD_CATALOGUE(index, scatter_add, ScatterAdd)

}  // namespace tapegrad
