#pragma once

#include <concepts>
#include <type_traits>

namespace tapegrad {

/// How many units it takes for n. REQUIRES: n >= 0, unit > 0.
template <std::integral T>
constexpr T ceil_div(T n, std::type_identity_t<T> unit) {
  return (n + unit - 1) / unit;
}

}  // namespace tapegrad
