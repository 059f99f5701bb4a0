// What max_with_indices and min_with_indices share: the values, which carry the gradient, are gathered at the int64
// indices of the extrema.
#pragma once

#include "ops/index/gathered_op.hpp"
#include "ops/reduce/reduce_op.hpp"
#include "tapegrad/ops/index.hpp"

namespace tapegrad {

/// The op says which indices: `static Tensor places(x, axis)`, with the axis kept.
template <class Self>
struct ExtremumWithIndicesOp : Op<Self> {
  static constexpr Keep keep = Keep::output_at(1);
  int axis;
  bool keepdim;

  ExtremumWithIndicesOp(int d, bool keep_axis) : axis(d), keepdim(keep_axis) {}

  /// The op itself.
  static ValuesAndIndices along(const Tensor& x, Axis axis, bool keepdim = false) {
    const int d = axis_of(Self::name, axis, x);
    expect_ordered(Self::name, x);
    if (x.shape()[d] == 0)
      throw ShapeError(
          std::string("[").append(Self::name).append("] no elements to choose from in ").append(to_string(x.shape())));
    return named(apply(Self(d, keepdim), x));
  }

  std::array<Tensor, 2> forward(const Tensor& x) const {
    const Tensor indices = Self::places(x, axis);
    const Tensor values = gather(x, axis, indices);
    return {restore(values, x.shape()), restore(indices, x.shape())};
  }
  Tensor vjp(const Saved& s, Cotangents dys) const {
    if (!dys[0].defined()) return {};
    const Shape& shape = s.input_shape(0);
    return scatter_add(zeros(shape, {.dtype = dys[0].dtype()}), axis, kept_axis(s.output(1), shape),
                       kept_axis(dys[0], shape));
  }
  std::array<Tensor, 2> jvp(const Saved& s, const Tensor& dx) const {
    return {restore(gather(dx, axis, kept_axis(s.output(1), dx.shape())), dx.shape()), Tensor()};
  }
  void describe(AttributeVisitor& visitor) const {
    visitor("axis", axis);
    visitor("keepdim", keepdim);
  }

  static catalogue::Samples samples(Generator& g) {
    using catalogue::of;
    return {{"last axis", {catalogue::scattered(g, {3, 4}, -2, 2)}, of([](const Tensor& x) { return along(x, -1); })},
            {"first axis, kept", {catalogue::scattered(g, {3, 4}, -2, 2)}, of([](const Tensor& x) {
               return along(x, 0, true);
             })},
            {"ties",
             {catalogue::vector64({1.0, 2.0, 2.0, 1.0})},
             of([](const Tensor& x) { return along(x, 0); }),
             {.order = 1, .reason = "a kink", .kink = true}}};
  }
  static catalogue::ErrorSamples errors() {
    const std::string op = "[" + std::string(Self::name) + "] ";
    return {{"no elements",
             [] {
               (void)along(zeros({2, 0}), 1);
             },
             op + "no elements to choose from in [2, 0]"},
            {"bool", [] { (void)along(ones({3}, {.dtype = boolean}), 0); }, op + "bool [3] has no order"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[512, 512] over axis 1", {catalogue::uniform(g, {512, 512}, -2, 2)}, catalogue::of([](const Tensor& x) {
              return along(x, 1);
            })};
  }

 private:
  Tensor kept_axis(const Tensor& t, const Shape& input) const {
    return keepdim ? t : t.reshape(reduced_shape(input, AxisSet{1} << axis, true));
  }
  Tensor restore(const Tensor& t, const Shape& input) const {
    return keepdim ? t : t.reshape(reduced_shape(input, AxisSet{1} << axis, false));
  }
};

}  // namespace tapegrad
