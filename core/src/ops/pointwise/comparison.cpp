#include "ops/pointwise/comparison.hpp"

namespace tapegrad {

Tensor compare(std::string_view op, const ComparisonRows& rows, const Tensor& a, const Tensor& b) {
  expect_same_dtype(op, a, b);
  const Shape shape = a.shape() == b.shape() ? a.shape() : broadcast_shapes(op, a.shape(), b.shape());
  Tensor y = empty(shape, {.dtype = boolean});
  kernels::binary_rows(rows[a.dtype()], size_of(a.dtype()), size_of(boolean), shape, operand(a, shape),
                       operand(b, shape), array_of(y).data());
  return y;
}

}  // namespace tapegrad
