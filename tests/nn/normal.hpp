// Inputs of the precision that gradient checks want.
#pragma once

#include "tapegrad/tape/create.hpp"

namespace tapegrad::test {

inline Tensor normal(const Shape& shape) { return randn(shape, {.dtype = float64}); }

}  // namespace tapegrad::test
