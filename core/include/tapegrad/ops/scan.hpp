// Running sums and products along one axis. float32 or float64, computed in double precision; negative axes count from
// the end. IndexError for an axis out of range (a scalar has none).
#pragma once

#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// y[i] = x[0] + ... + x[i] along the axis.
Tensor cumsum(const Tensor& x, int axis);

/// y[i] = x[0] x[1] ... x[i] along the axis. The gradient divides by no element, so zeros are as good as any number, to
/// every order.
Tensor cumprod(const Tensor& x, int axis);

/// h[i] = a[i] h[i - 1] + b[i] along the axis, from h[-1] = 0 (a[0] takes no part): the linear recurrence of state
/// space models and exponential averages. a and b have one shape and dtype. Throws ShapeError, DTypeError.
Tensor linear_recurrence(const Tensor& a, const Tensor& b, int axis);

}  // namespace tapegrad
