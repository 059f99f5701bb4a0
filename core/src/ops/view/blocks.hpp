// Blocks of neighbouring elements, each repeated in a row: what tile and repeat_interleave are made of.
#pragma once

#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/view.hpp"

namespace tapegrad {

/// How many elements lie in dimensions before, at and behind `axis`.
struct AxisSplit {
  std::int64_t outer = 1;
  std::int64_t size = 1;
  std::int64_t inner = 1;

  AxisSplit(const Shape& shape, int axis) {
    for (int d = 0; d < shape.rank(); ++d) (d < axis ? outer : d == axis ? size : inner) *= shape[d];
  }
};

/// Each of the `outer` blocks of `inner` elements `count` times: [outer, count, inner], of new elements.
inline Tensor repeat_blocks(const Tensor& x, std::int64_t outer, std::int64_t count, std::int64_t inner) {
  return expand(reshape(x, {outer, 1, inner}), {outer, count, inner}).clone();
}

/// The adjoint: the sum of the copies of each block, [outer, inner].
inline Tensor sum_blocks(const Tensor& y, std::int64_t outer, std::int64_t count, std::int64_t inner) {
  return sum(reshape(y, {outer, count, inner}), 1);
}

}  // namespace tapegrad
