#include <fmt/format.h>

#include "ops/index/indices.hpp"
#include "tape/expect.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/index.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

struct Gather : Op<Gather> {
  static constexpr std::string_view name = "gather";
  static constexpr std::string_view math =
      R"(y_{\cdot j \cdot} = x_{\cdot\, k(\cdot j \cdot)\, \cdot};\quad \bar x_{\cdot m \cdot} = \sum_{j:\, k(\cdot j \cdot) = m} \bar y_{\cdot j \cdot})";
  static constexpr Names<2> input_names = {"x", "index"};
  static constexpr Keep keep = Keep::input(1);
  int axis;

  explicit Gather(int d) : axis(d) {}

  Tensor forward(const Tensor& x, const Tensor& index) const {
    if (!fits_along(axis, index, x))
      throw ShapeError(fmt::format("[gather] an index {} does not fit {} along axis {}", to_string(index.shape()),
                                   to_string(x.shape()), axis));
    const array::Array chosen = checked_indices(name, index, x.shape()[axis]);
    Tensor y = empty(index.shape(), {.dtype = x.dtype()});
    copy_elements(array_of(x), axis, chosen, array_of(y));
    return y;
  }
  std::array<Tensor, 2> vjp(const Saved& s, const Tensor& dy) const {
    return {scatter_add(zeros(s.input_shape(0), {.dtype = s.input_dtype(0)}), axis, s.input(1), dy), Tensor()};
  }
  void fused_vjp(const Saved& s, const Tensor& dy, GradientSink& sink) const {
    const Tensor sums = sink.accumulate_into(0);
    array_of(sums).storage->written_by("gather's gradient");
    add_elements(array_of(sums), axis, contiguous_array(s.input(1)), contiguous_array(dy));
  }
  Tensor jvp(const Saved& s, Tangents dx) const { return gather(dx[0], axis, s.input(1)); }
  void describe(AttributeVisitor& visitor) const { visitor("axis", axis); }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y_{\cdot j \cdot} = x_{\cdot\, k(\cdot j \cdot)\, \cdot})", "k is the index tensor"},
            {"Cotangent", R"(\bar x_{\cdot m \cdot} = \sum_{j:\, k(\cdot j \cdot) = m} \bar y_{\cdot j \cdot})",
             "an element read several times collects a cotangent from each read: scatter_add"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto along = [](int d) {
      return catalogue::of<2>([d](const Tensor& x, const Tensor& index) { return gather(x, d, index); });
    };
    const auto indices = [](const std::vector<std::int64_t>& values, const Shape& shape) {
      return from_vector(values, shape);
    };
    return {{"last dimension", {uniform(g, {2, 4}, -2, 2), indices({3, 0, 1, 2, 2, 0}, {2, 3})}, along(1)},
            {"first dimension", {uniform(g, {4, 2}, -2, 2), indices({3, 0, 1, 2}, {2, 2})}, along(0)},
            {"negative axis", {uniform(g, {2, 3}, -2, 2), indices({2, 1}, {2, 1})}, along(-1)},
            {"repeated index", {uniform(g, {3}, -2, 2), indices({1, 1, 0, 1}, {4})}, along(0)},
            {"smaller elsewhere", {uniform(g, {3, 2, 2}, -2, 2), indices({1, 0, 1}, {1, 3, 1})}, along(1)},
            {"no indices", {uniform(g, {2, 3}, -2, 2), indices({}, {2, 0})}, along(1)}};
  }
  static catalogue::ErrorSamples errors() {
    return {
        {"out of range",
         [] {
           (void)gather(zeros({2, 3}), 1, from_vector(std::vector<std::int64_t>{0, 1, 2, 3}, {2, 2}));
         },
         "[gather] index 3 at [1, 1] is out of range for size 3"},
        {"negative",
         [] {
           (void)gather(zeros({3}), 0, from_vector(std::vector<std::int64_t>{0, -1}, {2}));
         },
         "[gather] index -1 at [1] is out of range for size 3"},
        {"rank",
         [] {
           (void)gather(zeros({2, 3}), 1, zeros({2}, {.dtype = int64}));
         },
         "[gather] an index [2] does not fit [2, 3] along axis 1"},
        {"dtype", [] { (void)gather(zeros({2}), 0, zeros({2})); }, "[gather] expected int64 indices, got float32 [2]"},
        {"axis", [] { (void)gather(zeros({2}), 1, zeros({2}, {.dtype = int64})); },
         "[gather] axis 1 is out of range for rank 1"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[512, 512] along 1",
            {catalogue::uniform(g, {512, 512}, -2, 2), randint(0, 512, {512, 512}, g)},
            catalogue::of<2>([](const Tensor& x, const Tensor& index) { return gather(x, 1, index); })};
  }
};

Tensor gather(const Tensor& x, Axis axis, const Tensor& index) {
  return apply(Gather(axis_of(Gather::name, axis, x, "input 0 (x)")), x, index);
}

TAPEGRAD_CATALOGUE(index, gather, Gather)

}  // namespace tapegrad
