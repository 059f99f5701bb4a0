// Counts of steps in stored states.
#pragma once

#include <cstdint>
#include <string_view>

#include "tapegrad/tape/tensor.hpp"

namespace tapegrad::optim {

/// The count that `stored`, the entry `name` of a state, holds. Throws ValueError "[owner] ..." unless it is one whole
/// number in [least, 2^53]: rates and bias corrections are computed in double, and a step adds one.
std::int64_t stored_count(const Tensor& stored, std::string_view owner, std::string_view name, std::int64_t least);

}  // namespace tapegrad::optim
