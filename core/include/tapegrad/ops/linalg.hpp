// Products of matrices.
#pragma once

#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// Matrix product with NumPy's rules: [.., m, k] x [.., k, n] -> [.., m, n], batch dimensions broadcast; a vector on
/// the left is a row, on the right a column, and its dimension is dropped from the result; two vectors give their inner
/// product. float32 or float64, both the same. Throws ShapeError "[matmul] inner dimensions differ: [16, 7, 40] x [41,
/// 3]".
Tensor matmul(const Tensor& a, const Tensor& b);

/// x W^T + b: x [.., in], weight [out, in], bias [out] or undefined -> [.., out]. As torch.nn.functional.linear. Throws
/// ShapeError.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {});

}  // namespace tapegrad
