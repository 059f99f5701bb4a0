// Where the elements of strided arrays lie, in row-major order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "tapegrad/base/shape.hpp"

namespace tapegrad::array {

/// How far element number `flat` of `shape` lies from the first one in an array of these strides, in elements.
inline std::int64_t element_offset(const Shape& shape, const Shape& strides, std::int64_t flat) {
  std::int64_t offset = 0;
  for (int d = shape.rank() - 1; d >= 0; flat /= shape[d--]) offset += flat % shape[d] * strides[d];
  return offset;
}

/// Goes from element to element of a shape, the last dimension fastest, in N arrays of different strides at once.
template <std::size_t N>
class Walk {
 public:
  Walk(const Shape& shape, const std::array<Shape, N>& strides)
      : shape_(shape), strides_(strides), position_(Shape::filled(shape.rank(), 0)) {}

  /// Its index in each dimension.
  const Shape& position() const { return position_; }
  /// How far this element lies from the first one in array k, in elements.
  std::int64_t offset(std::size_t k = 0) const { return offsets_[k]; }

  void advance() {
    for (int d = shape_.rank() - 1; d >= 0; --d) {
      const bool wraps = ++position_[d] == shape_[d];
      for (std::size_t k = 0; k < N; ++k) offsets_[k] += strides_[k][d] * (wraps ? 1 - shape_[d] : 1);
      if (!wraps) return;
      position_[d] = 0;
    }
  }

 private:
  Shape shape_;
  std::array<Shape, N> strides_;
  Shape position_;
  std::array<std::int64_t, N> offsets_{};
};

}  // namespace tapegrad::array
