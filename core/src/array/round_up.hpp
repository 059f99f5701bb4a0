// Sizes in whole units.
#pragma once

#include <concepts>
#include <cstddef>
#include <type_traits>

namespace tapegrad::array {

/// How many units it takes for n. REQUIRES: n >= 0, unit > 0.
template <std::integral T>
constexpr T ceil_div(T n, std::type_identity_t<T> unit) {
  return (n + unit - 1) / unit;
}

/// The smallest multiple of `unit` that is not below `bytes`.
constexpr std::size_t round_up(std::size_t bytes, std::size_t unit) { return ceil_div(bytes, unit) * unit; }

}  // namespace tapegrad::array
