#include <string>

#include "tape/expect.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/tape/engine_ops.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

/// A view with stride 0 along the dimensions that grow.
struct Expand : Op<Expand> {
  static constexpr std::string_view name = "expand";
  static constexpr std::string_view math = R"(y_j = x_{i(j)};\quad \bar x_i = \sum_{j:\, i \mapsto j} \bar y_j)";
  static constexpr Keep keep = Keep::nothing;
  static constexpr bool linear = true;
  Shape shape;

  explicit Expand(const Shape& to) : shape(to) {}

  Tensor forward(const Tensor& x) const {
    for (const std::int64_t size : shape)
      if (size < 0) throw ShapeError("[expand] negative size in " + to_string(shape));
    if (!extent(shape)) throw ShapeError("[expand] shape " + to_string(shape) + " has too many elements");
    if (!broadcasts_to(x.shape(), shape))
      throw ShapeError("[expand] " + to_string(x.shape()) + " does not broadcast to " + to_string(shape));
    const array::Array& a = array_of(x);
    return wrap(a.view(shape, broadcast_strides(a.shape, a.strides, shape)));
  }
  Tensor vjp(const Saved& s, const Tensor& dy) const { return sum_to(dy, s.input_shape(0)); }
  void describe(AttributeVisitor& visitor) const { visitor("shape", shape); }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y_j = x_{i(j)})", "i(j) drops the coordinates along which x has size 1 or no dimension"},
            {"Cotangent", R"(\bar x_i = \sum_{j:\, i \mapsto j} \bar y_j)",
             "over all j with $i(j) = i$: the transpose of copying is summing; expand and sum_to are each other's "
             "adjoint"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    return {{"new dimension", {uniform(g, {3}, -2, 2)}, catalogue::of([](const Tensor& x) {
               return expand(x, {2, 3});
             })},
            {"size one", {uniform(g, {2, 1, 3}, -2, 2)}, catalogue::of([](const Tensor& x) {
               return expand(x, {2, 4, 3});
             })},
            {"kept sizes", {uniform(g, {2, 1}, -2, 2)}, catalogue::of([](const Tensor& x) {
               return expand(x, {3, -1, 2});
             })},
            {"scalar", {uniform(g, {}, -2, 2)}, catalogue::of([](const Tensor& x) {
               return expand(x, {2, 2});
             })},
            {"to no elements", {uniform(g, {1, 2}, -2, 2)}, catalogue::of([](const Tensor& x) {
               return expand(x, {0, 2});
             })}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"shape",
             [] {
               (void)expand(zeros({3}), {3, 2});
             },
             "[expand] [3] does not broadcast to [3, 2]"},
            {"new size to keep",
             [] {
               (void)expand(zeros({3}), {-1, 3});
             },
             "[expand] -1 keeps a size, and dimension 0 of [-1, 3] is not in [3]"},
            {"negative size", [] { (void)expand(zeros({1}), {-3}); }, "[expand] negative size in [-3]"},
            {"too many elements",
             [] {
               (void)expand(zeros({1}), {std::int64_t{1} << 40, std::int64_t{1} << 40});
             },
             "[expand] shape [1099511627776, 1099511627776] has too many elements"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[1, 512] to [512, 512]", {catalogue::uniform(g, {1, 512}, -2, 2)}, catalogue::of([](const Tensor& x) {
              return expand(x, {512, 512});
            })};
  }
};

namespace {

/// The shape with a size of x for each -1.
Shape with_kept_sizes(const Shape& x, const Shape& shape) {
  Shape sizes = shape;
  for (int d = 0; d < sizes.rank(); ++d) {
    if (sizes[d] != -1) continue;
    const int own = d - sizes.rank() + x.rank();
    if (own < 0)
      throw ShapeError("[expand] -1 keeps a size, and dimension " + std::to_string(d) + " of " + to_string(shape) +
                       " is not in " + to_string(x));
    sizes[d] = x[own];
  }
  return sizes;
}

}  // namespace

Tensor expand(const Tensor& x, const Shape& shape) {
  expect_defined(Expand::name, x);
  return apply(Expand(with_kept_sizes(x.shape(), shape)), x);
}
Tensor Tensor::expand(const Shape& shape) const { return tapegrad::expand(*this, shape); }

TAPEGRAD_CATALOGUE(engine, expand, Expand)

}  // namespace tapegrad
