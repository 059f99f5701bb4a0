// How files hold elements: what their formats have in common. They are little-endian, as every machine of this library
// is, or turned round while they are read.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>

#include "tapegrad/base/shape.hpp"

namespace tapegrad::io {

static_assert(std::endian::native == std::endian::little, "files hold their elements as this machine does");

/// The bytes that elements of such a size take; nothing when their number does not fit, whatever comes after it.
inline std::optional<std::size_t> byte_count(const Shape& shape, std::size_t element_bytes) {
  constexpr std::int64_t kMostElements = std::numeric_limits<std::int64_t>::max() / 16;  // of an array
  if (extent(shape).value_or(kMostElements + 1) > kMostElements) return std::nullopt;
  return static_cast<std::size_t>(shape.numel()) * element_bytes;
}

/// The first byte that is no truth value, neither 0 nor 1.
inline std::optional<int> no_truth_value(std::span<const std::byte> bytes) {
  const auto bad = std::find_if(bytes.begin(), bytes.end(), [](std::byte b) { return b > std::byte{1}; });
  if (bad == bytes.end()) return std::nullopt;
  return std::to_integer<int>(*bad);
}

/// IEEE 754's binary16: a sign, 5 bits of exponent, 10 of fraction. Exact.
inline float decode_f16(std::uint32_t bits) {
  const std::uint32_t sign = (bits & 0x8000U) << 16;
  const std::uint32_t exponent = bits >> 10 & 0x1FU;
  const std::uint32_t fraction = bits & 0x3FFU;
  if (exponent == 0) {  // below 2^-14: normal in float32
    const float magnitude = static_cast<float>(fraction) * 0x1p-24F;
    return sign == 0 ? magnitude : -magnitude;
  }
  const std::uint32_t widened = exponent == 0x1FU ? 0xFFU : exponent + (127 - 15);
  return std::bit_cast<float>(sign | widened << 23 | fraction << 13);
}

/// The upper half of a float32.
inline float decode_bf16(std::uint32_t bits) { return std::bit_cast<float>(bits << 16); }

}  // namespace tapegrad::io
