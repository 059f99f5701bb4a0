// Running sums, products, recurrences and extremes along one axis. float32 or float64, sums and products computed in
// double precision; negative axes count from the end. IndexError for an axis out of range (a scalar has none),
// DTypeError for other dtypes but where one is named.
#pragma once

#include "tapegrad/ops/values_and_indices.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// y[i] = x[0] + ... + x[i] along the axis; of int64 and bool int64.
Tensor cumsum(const Tensor& x, Axis axis);

/// y[i] = x[0] x[1] ... x[i] along the axis. The gradient divides by no element, so zeros are as good as any number, to
/// every order; running products stay in double precision. One that overflows float64 gives NaN (with `strong_zero` 0)
/// where it meets a cotangent of 0.
Tensor cumprod(const Tensor& x, Axis axis);

/// The largest (smallest) element of x[0] ... x[i] along the axis, and its index; of ties the first. The gradient of a
/// value goes to the element that the index names. A NaN stands from its place on. int64 too.
ValuesAndIndices cummax(const Tensor& x, Axis axis);
ValuesAndIndices cummin(const Tensor& x, Axis axis);

/// h[i] = a[i] h[i - 1] + b[i] along the axis, from h[-1] = 0 (a[0] takes no part): the linear recurrence of state
/// space models and exponential averages. a and b have one shape and dtype. The gradient of a[i] is computed from the
/// h[i - 1] that was returned, rounded to a's dtype: where that has overflowed the gradient is infinite, or NaN (with
/// `strong_zero` 0) if the cotangents of h[i] and of all later elements are 0. Throws ShapeError, DTypeError.
Tensor linear_recurrence(const Tensor& a, const Tensor& b, Axis axis);

}  // namespace tapegrad
