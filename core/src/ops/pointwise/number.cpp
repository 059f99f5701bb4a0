#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/tape/create.hpp"

namespace tapegrad {

Tensor number_like(double value, const Tensor& x) { return full({}, value, {.dtype = x.dtype()}); }

}  // namespace tapegrad
