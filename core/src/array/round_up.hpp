// Sizes in whole units.
#pragma once

#include <cstddef>

#include "base/ceil_div.hpp"

namespace tapegrad::array {

/// The smallest multiple of `unit` that is not below `bytes`.
constexpr std::size_t round_up(std::size_t bytes, std::size_t unit) { return ceil_div(bytes, unit) * unit; }

}  // namespace tapegrad::array
