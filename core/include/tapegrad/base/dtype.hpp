// The element types of a tensor.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string_view>

namespace tapegrad {

enum class DType : std::uint8_t { float32, float64, int64, boolean };

inline constexpr DType float32 = DType::float32;
inline constexpr DType float64 = DType::float64;
inline constexpr DType int64 = DType::int64;
inline constexpr DType boolean = DType::boolean;

inline constexpr std::array<std::uint8_t, 4> kElementBytes = {4, 8, 8, 1};  // by DType

/// Bytes of one element.
constexpr std::size_t size_of(DType dtype) { return kElementBytes[static_cast<std::size_t>(dtype)]; }

/// "float32", "float64", "int64" or "bool".
constexpr std::string_view to_string(DType dtype) {
  switch (dtype) {
    case DType::float32: return "float32";
    case DType::float64: return "float64";
    case DType::int64: return "int64";
    case DType::boolean: return "bool";
  }
  return "?";
}
std::ostream& operator<<(std::ostream& stream, DType dtype);

/// Whether gradients exist for this dtype.
constexpr bool is_floating(DType dtype) { return dtype == DType::float32 || dtype == DType::float64; }

/// The DType of a C++ element type: dtype_of<float>() == float32.
template <class T>
constexpr DType dtype_of() = delete;
template <>
constexpr DType dtype_of<float>() {
  return DType::float32;
}
template <>
constexpr DType dtype_of<double>() {
  return DType::float64;
}
template <>
constexpr DType dtype_of<std::int64_t>() {
  return DType::int64;
}
template <>
constexpr DType dtype_of<bool>() {
  return DType::boolean;
}

/// The element types of tensors: float, double, std::int64_t and bool.
template <class T>
concept Element = requires {
  dtype_of<T>();
};

}  // namespace tapegrad
