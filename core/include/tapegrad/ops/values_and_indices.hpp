// What operations return that choose elements: sort, topk, max_with_indices, cummax, max_pool1d_with_indices and
// others.
#pragma once

#include <vector>

#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

struct [[nodiscard]] ValuesAndIndices {
  Tensor values;   ///< carry the gradient
  Tensor indices;  ///< int64: where each value stood along the axis

  /// {values, indices}, for what takes functions of several results: vjp(), gradcheck().
  operator std::vector<Tensor>() const { return {values, indices}; }
};

}  // namespace tapegrad
