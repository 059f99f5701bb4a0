// Softmax and its logarithm along one axis.
#pragma once

#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// e^x / sum e^x along `axis`, shifted by the largest element. `keep` (bool, broadcastable to x, optional) says which
/// elements take part: the others get probability 0 and gradient 0, as do elements -inf; a row that has nothing left is
/// 0 throughout, with gradient 0 (PyTorch: NaN). Where the probability is 0, also by rounding, the cotangent is
/// ignored, even if it is infinite or NaN. float32 or float64, any rank from 1. Throws IndexError for the axis,
/// DTypeError and ShapeError for `keep`.
Tensor softmax(const Tensor& x, Axis axis = -1, const Tensor& keep = {});

/// x - log sum e^x along `axis`: the logarithm of softmax, to the last digits where softmax rounds to 0; where it
/// rounds to 1, to one unit in the last place of 1 ({0, -37} gives 0, where -8.5e-17 is exact). Elements that do not
/// take part are -inf with gradient 0, so that e^y y is NaN of them: the entropy of a row is -sum(xlogy(p, p), -1) of p
/// = softmax(x, -1, keep). Errors as for softmax.
Tensor log_softmax(const Tensor& x, Axis axis = -1, const Tensor& keep = {});

}  // namespace tapegrad
