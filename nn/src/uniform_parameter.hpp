// What linear, convolutional and recurrent layers start with.
#pragma once

#include <cmath>
#include <cstdint>

#include "tapegrad/nn/init.hpp"
#include "tapegrad/nn/parameter.hpp"
#include "tapegrad/tape/create.hpp"

namespace tapegrad::nn {

/// A parameter of this shape, uniform on +-1/sqrt(fan_in): Kaiming's uniform bound with the gain 1/sqrt(3) (a leaky
/// relu of slope sqrt(5)). 0 for a fan_in of 0.
inline Parameter uniform_parameter(const Shape& shape, std::int64_t fan_in, DType dtype) {
  const double bound = fan_in == 0 ? 0.0 : 1.0 / std::sqrt(static_cast<double>(fan_in));
  const Tensor values = zeros(shape, {.dtype = dtype});  // no Parameter yet: a live tape lets nobody write into one
  init::uniform(values, -bound, bound);
  return Parameter(values);
}

}  // namespace tapegrad::nn
