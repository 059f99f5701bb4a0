// Integer arithmetic that wraps around.
#pragma once

#include <cstdint>
#include <type_traits>

namespace tapegrad::kernels {

/// int64 arithmetic wraps around, as NumPy's does.
constexpr std::int64_t wrapping_add(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
constexpr std::int64_t wrapping_sub(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}
constexpr std::int64_t wrapping_mul(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
}

/// a + b of any numbers: integers wrap around.
template <class T>
constexpr T plus(T a, T b) {
  if constexpr (std::is_same_v<T, std::int64_t>) {
    return wrapping_add(a, b);
  } else {
    return a + b;
  }
}

}  // namespace tapegrad::kernels
