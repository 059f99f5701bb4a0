// Channels that fall into groups of one size: of convolutions and of group norm.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "tapegrad/base/error.hpp"
#include "tapegrad/base/shape.hpp"

namespace tapegrad {

/// Throws ShapeError unless the channels of the tensor `what` fall into groups; no channels are one group. REQUIRES:
/// groups >= 1.
inline void expect_groups(std::string_view op, std::int64_t channels, std::string_view what, const Shape& shape,
                          std::int64_t groups) {
  if (channels % groups != 0 || groups > std::max<std::int64_t>(1, channels))
    throw ShapeError(fmt::format("[{}] the {} channels of {} {} do not fall into {} groups", op, channels, what,
                                 to_string(shape), groups));
}

}  // namespace tapegrad
