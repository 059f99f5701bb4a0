#include "ops/pointwise/comparison.hpp"

namespace tapegrad {

Tensor compare(std::string_view op, const RowsByDType& rows, const Tensor& a, const Tensor& b) {
  expect_same_dtype(op, a, b);
  return binary_by_rows(rows, broadcast_shapes(op, a.shape(), b.shape()), boolean, a, b);
}

}  // namespace tapegrad
