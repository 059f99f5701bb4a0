// The ops that the engine itself needs: add accumulates fan-out, sum_to un-broadcasts, and expand is its transpose.
// Their files are in ops/engine, beside those of others.
#pragma once

#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// a + b with NumPy broadcasting. Throws ShapeError, DTypeError.
Tensor add(const Tensor& a, const Tensor& b);
/// add(a, b) for a temporary b, such as an intermediate result: the sum is written into b's memory if b has its shape
/// and nothing else (a handle, a view, the tape) holds b's elements. b is undefined afterwards.
Tensor operator+(const Tensor& a, Tensor&& b);

/// x summed over the dimensions along which `shape` broadcasts to x's shape. Throws ShapeError when it does not.
Tensor sum_to(const Tensor& x, const Shape& shape);

/// x seen in a larger shape without a copy; broadcast dimensions have stride 0. A size of -1 is x's own. Throws
/// ShapeError "[expand] ...", also for -1 at a new dimension.
Tensor expand(const Tensor& x, const Shape& shape);

}  // namespace tapegrad
