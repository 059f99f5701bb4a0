#include <fmt/format.h>

#include <optional>

#include "tape/expect.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

struct Reshape : Op<Reshape> {
  static constexpr std::string_view name = "reshape";
  static constexpr std::string_view math =
      R"(y_{\mathrm{shape}} = x;\quad \bar x = \mathrm{reshape}(\bar y, \mathrm{shape}\,x))";
  static constexpr Keep keep = Keep::nothing;
  static constexpr bool linear = true;
  Shape shape;

  explicit Reshape(const Shape& to) : shape(to) {}

  /// A view when the strides of x allow it, else of a contiguous copy.
  Tensor forward(const Tensor& x) const {
    const array::Array& a = array_of(x);
    Shape strides;
    if (array::view_strides(a.shape, a.strides, shape, strides)) return wrap(a.view(shape, strides));
    const array::Array copied = contiguous_copy(a);
    return wrap(copied.view(shape, contiguous_strides(shape)));
  }
  Tensor vjp(const Saved& s, const Tensor& dy) const { return reshape(dy, s.input_shape(0)); }
  void describe(AttributeVisitor& visitor) const { visitor("shape", shape); }

  static catalogue::Derivation derivation() {
    return {
        {"Definition", R"(y_i = x_{\pi(i)})", "$\\pi$ maps the row-major position in one shape to that in the other"},
        {"Cotangent", R"(\bar x_{\pi(i)} = \bar y_i)",
         "a bijection of positions: its transpose is its inverse, the reshape back"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto to = [](const Shape& sizes) {
      return catalogue::of([sizes](const Tensor& x) { return reshape(x, sizes); });
    };
    return {{"plain", {uniform(g, {2, 6}, -2, 2)}, to({3, 4})},
            {"inferred size", {uniform(g, {2, 3, 4}, -2, 2)}, to({-1, 6})},
            {"to a vector", {uniform(g, {2, 3}, -2, 2)}, to({-1})},
            {"from a scalar", {uniform(g, {}, -2, 2)}, to({1, 1})},
            {"to a scalar", {uniform(g, {1, 1}, -2, 2)}, to({})},
            {"of a transposed view", {uniform(g, {2, 3}, -2, 2)}, catalogue::of([](const Tensor& x) {
               return reshape(transpose(x, 0, 1), {2, 3});
             })},
            {"no elements", {uniform(g, {0, 3}, -2, 2)}, to({3, 0, 2})}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"other count",
             [] {
               (void)reshape(zeros({2, 3}), {4, 2});
             },
             "[reshape] cannot bring [2, 3] (6 elements)"},
            {"two inferred",
             [] {
               (void)reshape(zeros({2, 3}), {-1, -1});
             },
             "[reshape] one size at most may be -1"},
            {"does not divide",
             [] {
               (void)reshape(zeros({2, 3}), {-1, 4});
             },
             "[reshape] cannot bring [2, 3] (6 elements)"},
            {"negative",
             [] {
               (void)reshape(zeros({2, 3}), {-2, 3});
             },
             "[reshape] negative size"},
            {"ambiguous",
             [] {
               (void)reshape(zeros({0}), {-1, 0});
             },
             "[reshape] cannot bring [0] (0 elements)"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {
        "[512, 512] to [64, 8, 512]", {catalogue::uniform(g, {512, 512}, -2, 2)}, catalogue::of([](const Tensor& x) {
          return reshape(x, {64, 8, 512});
        })};
  }
};

Tensor reshape(const Tensor& x, const Shape& shape) {
  expect_defined(Reshape::name, x);
  const std::optional<Shape> to = shape_of(Reshape::name, x.numel(), shape);
  if (!to)
    throw ShapeError(fmt::format("[reshape] cannot bring {} ({} elements) into the shape {}", to_string(x.shape()),
                                 x.numel(), to_string(shape)));
  return apply(Reshape(*to), x);
}
Tensor Tensor::reshape(const Shape& shape) const { return tapegrad::reshape(*this, shape); }

Tensor squeeze(const Tensor& x) {
  expect_defined("squeeze", x);
  Shape shape;
  for (const std::int64_t size : x.shape())
    if (size != 1) shape.push_back(size);
  return reshape(x, shape);
}

Tensor squeeze(const Tensor& x, Axis axis) {
  const int d = axis_of("squeeze", axis, x);
  if (x.shape()[d] != 1)
    throw ShapeError(fmt::format("[squeeze] axis {} of {} is not of size 1", axis.value(), to_string(x.shape())));
  Shape shape = x.shape();
  shape.erase(d);
  return reshape(x, shape);
}

Tensor unsqueeze(const Tensor& x, Axis axis) {
  expect_defined("unsqueeze", x);
  Shape shape = x.shape();
  shape.insert(new_axis_of("unsqueeze", axis, shape), 1);
  return reshape(x, shape);
}

Tensor flatten(const Tensor& x, Axis first, Axis last) {
  if (rank_of("flatten", x) == 0) return reshape(x, {1});
  const int from = axis_of("flatten", first, x);
  const int to = axis_of("flatten", last, x);
  if (to < from)
    throw ShapeError(
        fmt::format("[flatten] axis {} lies behind {} in {}", first.value(), last.value(), to_string(x.shape())));
  Shape shape;
  for (int d = 0; d < x.dim(); ++d) {
    if (d > from && d <= to) {
      shape[from] *= x.shape()[d];
    } else {
      shape.push_back(x.shape()[d]);
    }
  }
  return reshape(x, shape);
}

TAPEGRAD_CATALOGUE(view, reshape, Reshape)

}  // namespace tapegrad
