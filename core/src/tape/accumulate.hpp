// In-place accumulation of gradients, with the kernel of the op add.
#pragma once

#include "array/array.hpp"

namespace tapegrad {

/// target += source. REQUIRES: same shape and floating dtype; target contiguous.
void add_in_place(const array::Array& target, const array::Array& source);

}  // namespace tapegrad
