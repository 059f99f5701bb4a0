// Scalars of the precision that the expected values have.
#pragma once

#include "tapegrad/tape/create.hpp"

namespace tapegrad::test {

inline Tensor num(double value) { return tensor(value, {.dtype = float64}); }

}  // namespace tapegrad::test
