// Products of matrices, and sums of products by index notation.
//
// Each element of a product is one chain of fused multiply-adds in its dtype, in the order of k: its bits depend on its
// row and its column alone. A float32 chain of more than 8192 steps is cut into pieces, which are added in double
// precision: the relative error of a sum of k equal terms is at most k 2^-26, and no more than 1.3e-4 (k = 8192).
#pragma once

#include <string_view>
#include <vector>

#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// Matrix product with NumPy's rules: [.., m, k] x [.., k, n] -> [.., m, n], batch dimensions broadcast; a vector on
/// the left is a row, on the right a column, and its dimension is dropped from the result; two vectors give their inner
/// product. Throws ShapeError "[matmul] inner dimensions differ: [16, 7, 40] x [41, 3]", also for batches that do not
/// broadcast and for a scalar, DTypeError unless both are floating and of one dtype.
Tensor matmul(const Tensor& a, const Tensor& b);

/// x W^T + b: x [.., in], weight [out, in], bias [out] or undefined -> [.., out]. As torch.nn.functional.linear. Throws
/// ShapeError, DTypeError unless all are floating and of one dtype.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {});

/// The inner product of two vectors of one length, a scalar: recorded as matmul. Throws ShapeError, DTypeError.
Tensor dot(const Tensor& a, const Tensor& b);

/// The sum of the diagonal of a matrix [m, n], a scalar: recorded as diagonal and sum. Throws ShapeError; DTypeError as
/// sum does.
Tensor trace(const Tensor& x);

/// The matrix of products of two vectors, a_i b_j: [m] and [n] -> [m, n]. Throws ShapeError, DTypeError.
Tensor outer(const Tensor& a, const Tensor& b);

/// Einstein's summation: einsum("bij,bjk->bik", {a, b}). Each operand's dimensions are named by letters; a letter that
/// is missing on the right is summed over, one that occurs twice in an operand is its diagonal. "..." stands for
/// further dimensions, which broadcast. Without "->" the result has the dimensions of "..." and then, in alphabetical
/// order (capitals first), the letters that occur exactly once. A dimension of size 1 broadcasts against its letter's
/// size. Spaces are ignored.
///
/// Any number of operands, contracted two at a time, cheapest pair first, each as a batched matrix product, and so in
/// the reverse sweep. float32 or float64, all the same. Throws ValueError for an equation that cannot be read,
/// ShapeError for operands that do not fit it, DTypeError.
Tensor einsum(std::string_view equation, const std::vector<Tensor>& operands);

}  // namespace tapegrad
