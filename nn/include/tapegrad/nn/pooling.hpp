// One vector for a whole sequence.
#pragma once

#include "tapegrad/ops/mask.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad::nn {

/// The mean of x [N, L, E] over the valid positions of each sequence: [N, E]. A sequence without one gives 0 with
/// gradient 0. Throws ShapeError unless x is [N, L, E] and the mask's positions are [N, L], DTypeError unless x is
/// floating.
Tensor masked_mean(const Tensor& x, const Mask& mask = {});

}  // namespace tapegrad::nn
