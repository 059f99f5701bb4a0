// A contiguous array seen along one of its axes.
#pragma once

#include <cstdint>

#include "tapegrad/base/shape.hpp"

namespace tapegrad::kernels {

/// [outer, n, inner]: outer times inner slices of n elements, `inner` apart. A whole array as one slice has outer =
/// inner = 1.
struct Slices {
  std::int64_t outer = 1;
  std::int64_t n = 0;
  std::int64_t inner = 1;
};

/// An array of this shape along an axis.
inline Slices slices_along(const Shape& shape, int axis) {
  Slices slices{.n = shape[axis]};
  for (int d = 0; d < shape.rank(); ++d)
    if (d != axis) (d < axis ? slices.outer : slices.inner) *= shape[d];
  return slices;
}

}  // namespace tapegrad::kernels
