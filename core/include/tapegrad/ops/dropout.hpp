// Dropout: Srivastava et al. 2014, JMLR 15.
#pragma once

#include "tapegrad/base/random.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// Each element is 0 with probability p, else x / (1 - p), so that the expectation is x: for training (do not call it
/// in evaluation). Draws one number per element from `generator` (the thread's default one when none is given); the
/// gradient draws them again instead of storing them. The numbers are the same for float32 and float64 and at any
/// number of threads. x itself when p = 0. float32 or float64. Throws ValueError for p outside [0, 1), DTypeError.
Tensor dropout(const Tensor& x, double p = 0.5);
Tensor dropout(const Tensor& x, double p, Generator& generator);

}  // namespace tapegrad
