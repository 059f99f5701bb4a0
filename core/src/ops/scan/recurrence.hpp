// linear_recurrence from either end: what reverse rules of scans are made of.
#pragma once

#include "kernels/scan.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// h[i] = a[i] h[i - 1] + b[i]; backward: a[i] h[i + 1] + b[i]. Recorded as linear_recurrence.
Tensor recurrence(const Tensor& a, const Tensor& b, int axis, kernels::Direction direction);

}  // namespace tapegrad
