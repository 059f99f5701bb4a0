// No operation works in place: x stays what it was.
#include "tapegrad/tape/tensor.hpp"

void to_double(const tapegrad::Tensor& x) { x.to(tapegrad::float64); }
