// What all reductions share: a set of axes, and the way back from the reduced shape.
#pragma once

#include "base/dispatch.hpp"
#include "ops/reduce/reduction.hpp"
#include "tape/expect.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/tape/create.hpp"

namespace tapegrad {

/// The set of a tensor's axes that were named. Throws as Axes::set(), and ValueError "[op] an input is undefined".
inline AxisSet axes_of(std::string_view op, const Axes& axes, const Tensor& x) {
  expect_defined(op, x);
  return axes.set(op, x.shape());
}

template <class Self>
struct ReduceOp : Op<Self> {
  AxisSet axes;
  bool keepdim;

  ReduceOp(AxisSet set, bool keep_axes) : axes(set), keepdim(keep_axes) {}

  /// The op itself over named axes.
  static Tensor over(const Tensor& x, const Axes& axes, bool keepdim = false) {
    return apply(Self(axes_of(Self::name, axes, x), keepdim), x);
  }

  /// kernel(const T* x, Slices, T* y) for T float or double.
  template <class Kernel>
  Tensor reduce(const Tensor& x, const Kernel& kernel) const {
    expect_floating(Self::name, x);
    return with_floating(x.dtype(), [&](auto zero) {
      using T = decltype(zero);
      return reduce_from<T, T>(x, kernel);
    });
  }
  /// The same, and for T std::int64_t.
  template <class Kernel>
  Tensor reduce_numbers(const Tensor& x, const Kernel& kernel) const {
    if (x.dtype() == int64) return reduce_from<std::int64_t, std::int64_t>(x, kernel);
    return reduce(x, kernel);
  }
  /// kernel(const T* x, Slices, R* y). REQUIRES: x's elements are of type T.
  template <class T, class R, class Kernel>
  Tensor reduce_from(const Tensor& x, const Kernel& kernel) const {
    const ReductionPlan r = plan_reduction(array_of(x), axes);
    Tensor y = empty(reduced_shape(x.shape(), axes, keepdim), {.dtype = dtype_of<R>()});
    kernel(r.input.template as<T>(), r.slices, array_of(y).template as<R>());
    return y;
  }

  /// A tensor of the reduced shape as one that broadcasts against the input.
  Tensor unreduce(const Tensor& y, const Shape& input) const {
    return keepdim ? y : y.reshape(reduced_shape(input, axes, true));
  }

  /// x less its mean; twice, since the first mean is rounded to x's dtype.
  Tensor centred(const Tensor& x) const {
    const Tensor once = x - mean(x, axis_list(), true);
    return once - mean(once, axis_list(), true);
  }

  /// How many elements each result is made of.
  double count(const Shape& input) const {
    double n = 1.0;
    for (int d = 0; d < input.rank(); ++d)
      if (contains(axes, d)) n *= static_cast<double>(input[d]);
    return n;
  }

  /// 1/n for the n elements of each result that are chosen, 0 for the others; constant almost everywhere.
  Tensor even_share(const Tensor& chosen, DType dtype) const {
    const Tensor ones_there = where(chosen, ones(chosen.shape(), {.dtype = dtype}), 0.0);
    return ones_there / sum(ones_there, axis_list(), true);
  }

  /// Throws ShapeError where a result would be chosen from no elements.
  void expect_elements(const Tensor& x) const {
    if (count(x.shape()) == 0.0)
      throw ShapeError(
          std::string("[").append(Self::name).append("] no elements to choose from in ").append(to_string(x.shape())));
  }

  /// The axes as the public functions take them. REQUIRES: a set that is not empty, or a scalar input.
  Axes axis_list() const {
    std::vector<int> list;
    for (int d = 0; d < kMaxRank; ++d)
      if (contains(axes, d)) list.push_back(d);
    return list;
  }

  void describe(AttributeVisitor& visitor) const {
    Shape list;
    for (int d = 0; d < kMaxRank; ++d)
      if (contains(axes, d)) list.push_back(d);
    visitor("axes", list);
    visitor("keepdim", keepdim);
  }
};

/// x / y, but 0 where y is 0: the slope of a length at its tip. (1 / y would be infinite for subnormal lengths.)
inline Tensor over_or_zero(const Tensor& x, const Tensor& y) {
  const Tensor at_zero = y == 0.0;
  return where(at_zero, 0.0, x / where(at_zero, 1.0, y));
}

/// The shapes on which every reduction is checked: f(x, axes, keepdim).
template <class F>
catalogue::Samples reduction_samples(Generator& g, const F& f) {
  using catalogue::of;
  using catalogue::scattered;
  return {{"everything", {scattered(g, {3, 4}, -2, 2)}, of([f](const Tensor& x) { return f(x, Axes{}, false); })},
          {"last axis", {scattered(g, {3, 4}, -2, 2)}, of([f](const Tensor& x) { return f(x, Axes{-1}, false); })},
          {"first axis, kept", {scattered(g, {3, 4}, -2, 2)}, of([f](const Tensor& x) { return f(x, Axes{0}, true); })},
          {"middle axis", {scattered(g, {2, 3, 4}, -2, 2)}, of([f](const Tensor& x) { return f(x, Axes{1}, false); })},
          {"outer axes", {scattered(g, {2, 3, 4}, -2, 2)}, of([f](const Tensor& x) {
             return f(x, Axes{0, 2}, false);
           })},
          {"two neighbours, kept", {scattered(g, {2, 3, 4}, -2, 2)}, of([f](const Tensor& x) {
             return f(x, Axes{1, 2}, true);
           })},
          {"no sequences", {scattered(g, {0, 3}, -2, 2)}, of([f](const Tensor& x) { return f(x, Axes{1}, false); })}};
}

}  // namespace tapegrad
