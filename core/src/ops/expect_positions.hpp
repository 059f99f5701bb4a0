// What ops ask of the positions of a mask.
#pragma once

#include <fmt/format.h>

#include <string_view>

#include "tapegrad/base/error.hpp"
#include "tapegrad/ops/mask.hpp"

namespace tapegrad {

/// Throws ShapeError "[op] expected the mask's positions to be [N, L] = [2, 7], got [2, 5]" unless a mask has none or
/// has them in this shape, of these axes; `what` it is called.
inline void expect_positions(std::string_view op, const Mask& mask, std::string_view axes, const Shape& shape,
                             std::string_view what = "mask") {
  const Tensor& positions = mask.positions();
  if (positions.defined() && positions.shape() != shape)
    throw ShapeError(fmt::format("[{}] expected the {}'s positions to be {} = {}, got {}", op, what, axes,
                                 to_string(shape), to_string(positions.shape())));
}

}  // namespace tapegrad
