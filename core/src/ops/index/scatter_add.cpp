#include "ops/index/indices.hpp"
#include "ops/index/scatter_samples.hpp"
#include "tape/expect.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/index.hpp"
#include "tapegrad/ops/pointwise.hpp"

namespace tapegrad {

struct ScatterAdd : Op<ScatterAdd> {
  static constexpr std::string_view name = "scatter_add";
  static constexpr std::string_view math =
      R"(y_{\cdot m \cdot} = x_{\cdot m \cdot} + \sum_{j:\, k(\cdot j \cdot) = m} s_{\cdot j \cdot};\quad \bar x = \bar y,\ \bar s_{\cdot j \cdot} = \bar y_{\cdot\, k(\cdot j \cdot)\, \cdot})";
  static constexpr Names<3> input_names = {"x", "index", "source"};
  int axis;

  explicit ScatterAdd(int d) : axis(d) {}

  /// Only the gradient of the source reads the index.
  Keep keep_for(Wants wants) const { return wants(2) ? Keep::input(1) : Keep::nothing; }

  Tensor forward(const Tensor& x, const Tensor& index, const Tensor& source) const {
    expect_number(name, x);
    expect_same_dtype(name, x, source);
    expect_scatter(name, x, axis, index, source);
    const array::Array chosen = checked_indices(name, index, x.shape()[axis]);
    const array::Array sums = contiguous_copy(array_of(x));
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
         "each $s_j$ stands in exactly one sum, with coefficient 1: gather"}};
  }
  static catalogue::Samples samples(Generator& g) { return catalogue::scatter_samples(g, scatter_add); }
  static catalogue::ErrorSamples errors() {
    catalogue::ErrorSamples all = catalogue::scatter_errors(name, scatter_add);
    all.push_back({"bool",
                   [] {
                     const Tensor flags = zeros({2}, {.dtype = boolean});
                     (void)scatter_add(flags, 0, zeros({2}, {.dtype = int64}), flags);
                   },
                   "[scatter_add] bool [2] cannot be summed"});
    return all;
  }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::scatter_benchmark(g, scatter_add); }
};

Tensor scatter_add(const Tensor& x, Axis axis, const Tensor& index, const Tensor& source) {
  return apply(ScatterAdd(axis_of(ScatterAdd::name, axis, x, "input 0 (x)")), x, index, source);
}

TAPEGRAD_CATALOGUE(index, scatter_add, ScatterAdd)

}  // namespace tapegrad
