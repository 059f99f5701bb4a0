// What several index tensors name together: the reading of index, and the writing of index_put.
#pragma once

#include <string_view>
#include <vector>

#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// Rows of x, read as a matrix [P, R]: P for its first dimensions, one for each index tensor, R for the others.
struct NamedRows {
  Shape matrix;
  Tensor rows;   ///< int64 [B], in [0, P), in row-major order of the shape to which the index tensors broadcast
  Shape result;  ///< that shape, and x's other dimensions behind it
};

/// Throws in the name of `op`: Error, ShapeError, DTypeError, and IndexError that gives the place in the caller's
/// tensor.
NamedRows named_rows(std::string_view op, const Tensor& x, const std::vector<Tensor>& index);

}  // namespace tapegrad
