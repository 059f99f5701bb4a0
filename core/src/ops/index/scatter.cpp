#include "ops/index/indices.hpp"
#include "ops/index/scatter_samples.hpp"
#include "tape/expect.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/index.hpp"
#include "tapegrad/ops/pointwise.hpp"

namespace tapegrad {

struct Scatter : Op<Scatter> {
  static constexpr std::string_view name = "scatter";
  static constexpr std::string_view math =
      R"(y_{\cdot m \cdot} = s_{\cdot j \cdot}\ (j \text{ the last with } k(\cdot j \cdot) = m),\ \text{else } x_{\cdot m \cdot};\quad \bar x_{\cdot m \cdot} = \bar y_{\cdot m \cdot}\ (m \notin k),\ \bar s_{\cdot j \cdot} = \bar y_{\cdot\, k(\cdot j \cdot)\, \cdot}\ (j \text{ the last}),\ \text{each else } 0)";
  static constexpr Names<3> input_names = {"x", "index", "source"};
  static constexpr Keep keep = Keep::input(1);
  int axis;

  explicit Scatter(int d) : axis(d) {}

  Tensor forward(const Tensor& x, const Tensor& index, const Tensor& source) const {
    expect_same_dtype(name, x, source);
    expect_scatter(name, x, axis, index, source);
    const array::Array chosen = checked_indices(name, index, x.shape()[axis]);
    const array::Array y = contiguous_copy(array_of(x));
    write_elements(y, axis, chosen, contiguous_array(source));
    return wrap(y);
  }
  std::array<Tensor, 3> vjp(const Saved& s, const Tensor& dy) const {
    const Tensor& index = s.input(1);
    const Tensor nothing = zeros(index.shape(), {.dtype = dy.dtype()});
    return {s.wants(0) ? apply(Scatter(axis), dy, index, nothing) : Tensor(), Tensor(),
            s.wants(2) ? where(is_last(index, dy.shape()), gather(dy, axis, index), 0.0) : Tensor()};
  }
  Tensor jvp(const Saved& s, Tangents dx) const {
    return apply(Scatter(axis), dx[0].defined() ? dx[0] : zeros_like(s.input(0)), s.input(1),
                 dx[2].defined() ? dx[2] : zeros_like(s.input(2)));
  }
  void describe(AttributeVisitor& visitor) const { visitor("axis", axis); }

  static catalogue::Derivation derivation() {
    return {
        {"Definition",
         R"(y_{\cdot m \cdot} = \begin{cases} s_{\cdot j^*(m) \cdot} & j^*(m) = \max \{j : k(\cdot j \cdot) = m\} \\ x_{\cdot m \cdot} & \text{no such } j \end{cases})",
         "k is the index tensor, s the source; the order is that of rows, so that repeated indices have one meaning"},
        {"Overwritten", R"(\bar x_{\cdot m \cdot} = [m \notin k]\, \bar y_{\cdot m \cdot})",
         "what no longer stands in y has no effect: zeros scattered into the cotangent"},
        {"The last alone",
         R"(\bar s_{\cdot j \cdot} = [j = j^*(k(\cdot j \cdot))]\, \bar y_{\cdot\, k(\cdot j \cdot)\, \cdot})",
         "gather would also give it to sources that were overwritten by later ones"}};
  }
  static catalogue::Samples samples(Generator& g) {
    catalogue::Samples all = catalogue::scatter_samples(g, scatter);
    all.push_back({"a number",
                   {catalogue::uniform(g, {2, 3}, -2, 2), from_vector(std::vector<std::int64_t>{2, 0}, {2, 1})},
                   catalogue::of<2>([](const Tensor& x, const Tensor& index) { return scatter(x, 1, index, 1.5); })});
    return all;
  }
  static catalogue::ErrorSamples errors() { return catalogue::scatter_errors(name, scatter); }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::scatter_benchmark(g, scatter); }

 private:
  /// Whether each entry of the index is the last one that names its place in y.
  Tensor is_last(const Tensor& index, const Shape& y) const {
    const Tensor mine = places(index.shape());
    return equal(gather(scatter(zeros(y, {.dtype = int64}), axis, index, mine), axis, index), mine);
  }
};

Tensor scatter(const Tensor& x, Axis axis, const Tensor& index, const Tensor& source) {
  return apply(Scatter(axis_of(Scatter::name, axis, x, "input 0 (x)")), x, index, source);
}

Tensor scatter(const Tensor& x, Axis axis, const Tensor& index, double value) {
  expect_defined(Scatter::name, x, "input 0 (x)");
  expect_defined(Scatter::name, index, "input 1 (index)");
  return scatter(x, axis, index, expand(number_like(value, x, Scatter::name), index.shape()));
}

TAPEGRAD_CATALOGUE(index, scatter, Scatter)

}  // namespace tapegrad
