// Sizes in whole units.
#pragma once

#include <cstddef>

namespace tapegrad::array {

/// The smallest multiple of `unit` that is not below `bytes`.
constexpr std::size_t round_up(std::size_t bytes, std::size_t unit) { return (bytes + unit - 1) / unit * unit; }

}  // namespace tapegrad::array
