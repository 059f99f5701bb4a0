// Blocks of neighbouring elements, each repeated in a row: what tile and repeat_interleave are made of.
#pragma once

#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/view.hpp"

namespace tapegrad {

/// Each of the `outer` blocks of `inner` elements `count` times: [outer, count, inner], of new elements.
inline Tensor repeat_blocks(const Tensor& x, std::int64_t outer, std::int64_t count, std::int64_t inner) {
  return expand(reshape(x, {outer, 1, inner}), {outer, count, inner}).clone();
}

/// The adjoint: the sum of the copies of each block, [outer, inner].
inline Tensor sum_blocks(const Tensor& y, std::int64_t outer, std::int64_t count, std::int64_t inner) {
  return sum(reshape(y, {outer, count, inner}), 1);
}

}  // namespace tapegrad
