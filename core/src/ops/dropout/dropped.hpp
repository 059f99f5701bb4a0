// Dropout with numbers that have been drawn: for ops that have dropout inside.
#pragma once

#include "tapegrad/base/random.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// x_i / (1 - p) where stream.uniform64(i) >= p, else 0; linear and differentiable. x itself for p = 0.
Tensor dropped(const Tensor& x, double p, const RandomStream& stream);

}  // namespace tapegrad
