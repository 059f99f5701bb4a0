// Dropout with numbers that have been drawn: for ops that have dropout inside.
#pragma once

#include <string_view>

#include "tapegrad/base/random.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// x_i / (1 - p) where stream.uniform64(i) >= p, else 0; linear and differentiable. x itself for p = 0.
Tensor dropped(const Tensor& x, double p, const RandomStream& stream);

/// Throws ValueError "[op] expected `what` in [0, 1), got p".
void expect_share(std::string_view op, std::string_view what, double p);

}  // namespace tapegrad
