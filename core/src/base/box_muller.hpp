// A normal number from two uniform ones.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

namespace tapegrad {

/// Standard normal from 53 bits of each of two random words (Box and Muller, 1958).
inline double box_muller(std::uint64_t first, std::uint64_t second) {
  const double u = (static_cast<double>(first >> 11) + 0.5) * 0x1p-53;
  const double v = static_cast<double>(second >> 11) * 0x1p-53;
  return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v);
}

}  // namespace tapegrad
