#include <fmt/format.h>

#include "tape/expect.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

/// Also what transpose records.
struct Permute : Op<Permute> {
  static constexpr std::string_view name = "permute";
  static constexpr std::string_view math =
      R"(y_{i_{o(1)} \ldots i_{o(n)}} = x_{i_1 \ldots i_n};\quad \bar x = \mathrm{permute}(\bar y, o^{-1}))";
  static constexpr Keep keep = Keep::nothing;
  static constexpr bool linear = true;
  Shape order;  // dimension k of y is dimension order[k] of x

  explicit Permute(const Shape& dimensions) : order(dimensions) {}

  Tensor forward(const Tensor& x) const {
    const array::Array& a = array_of(x);
    Shape shape = a.shape;
    Shape strides = a.strides;
    for (int k = 0; k < order.rank(); ++k) {
      shape[k] = a.shape[static_cast<int>(order[k])];
      strides[k] = a.strides[static_cast<int>(order[k])];
    }
    return wrap(a.view(shape, strides));
  }
  Tensor vjp(const Saved&, const Tensor& dy) const {
    Shape inverse = order;
    for (int k = 0; k < order.rank(); ++k) inverse[static_cast<int>(order[k])] = k;
    return apply(Permute(inverse), dy);
  }
  void describe(AttributeVisitor& visitor) const { visitor("order", order); }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y_{i_{o(1)} \ldots i_{o(n)}} = x_{i_1 \ldots i_n})", "no element moves: strides change"},
            {"Cotangent", R"(\bar x_{i_1 \ldots i_n} = \bar y_{i_{o(1)} \ldots i_{o(n)}})",
             "a bijection of positions: its transpose is its inverse, the permutation back"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    return {
        {"cycle", {uniform(g, {2, 3, 4}, -2, 2)}, catalogue::of([](const Tensor& x) {
           return permute(x, {2, 0, 1});
         })},
        {"negative axis", {uniform(g, {2, 3, 4}, -2, 2)}, catalogue::of([](const Tensor& x) {
           return permute(x, {-1, 1, 0});
         })},
        {"transpose", {uniform(g, {2, 3}, -2, 2)}, catalogue::of([](const Tensor& x) { return transpose(x, 0, 1); })},
        {"transpose of the last two", {uniform(g, {2, 3, 2}, -2, 2)}, catalogue::of([](const Tensor& x) {
           return transpose(x, -1, -2);
         })},
        {"scalar", {uniform(g, {}, -2, 2)}, catalogue::of([](const Tensor& x) { return permute(x, {}); })},
        {"no elements", {uniform(g, {0, 3}, -2, 2)}, catalogue::of([](const Tensor& x) {
           return permute(x, {1, 0});
         })}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"count",
             [] {
               (void)permute(zeros({2, 3}), {0});
             },
             "[permute] expected each axis of [2, 3] once, got [0]"},
            {"twice",
             [] {
               (void)permute(zeros({2, 3}), {0, -2});
             },
             "[permute] axis -2 is given twice: [2, 3]"},
            {"axis",
             [] {
               (void)permute(zeros({2, 3}), {0, 2});
             },
             "[permute] axis 2 is out of range for rank 2"},
            {"transpose",
             [] {
               (void)transpose(zeros({2, 3}), 0, 2);
             },
             "[transpose] axis 2 is out of range for rank 2"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[16, 8, 64, 32]", {catalogue::uniform(g, {16, 8, 64, 32}, -2, 2)}, catalogue::of([](const Tensor& x) {
              return permute(x, {0, 2, 1, 3});
            })};
  }
};

Tensor permute(const Tensor& x, const Axes& order) {
  expect_defined(Permute::name, x);
  const Shape dimensions = order.in_order(Permute::name, x.shape());
  if (dimensions.rank() != x.dim())
    throw ShapeError(
        fmt::format("[permute] expected each axis of {} once, got {}", to_string(x.shape()), to_string(dimensions)));
  return apply(Permute(dimensions), x);
}
Tensor Tensor::permute(const Axes& order) const { return tapegrad::permute(*this, order); }

Tensor transpose(const Tensor& x, Axis a, Axis b) {
  const int first = axis_of("transpose", a, x);
  const int second = axis_of("transpose", b, x);
  Shape order;
  for (int d = 0; d < x.dim(); ++d) order.push_back(d);
  std::swap(order[first], order[second]);
  return apply(Permute(order), x);
}
Tensor Tensor::transpose(Axis a, Axis b) const { return tapegrad::transpose(*this, a, b); }

TAPEGRAD_CATALOGUE(view, permute, Permute)

}  // namespace tapegrad
