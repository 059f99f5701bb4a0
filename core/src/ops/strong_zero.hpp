// Products whose zeros are strong: what mul, div and matmul compute while a reverse rule runs for a sweep with
// .strong_zero. Where the plain result is NaN and an exact zero takes part, that zero wins; all else stays, to the bit,
// and what stays is differentiated as ever.
#pragma once

#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// The product of a and b: 0 where it is NaN and a factor is 0.
Tensor with_strong_zeros(const Tensor& product, const Tensor& a, const Tensor& b);
/// The quotient a / b: 0 where it is NaN and a is 0.
Tensor quotient_with_strong_zeros(const Tensor& quotient, const Tensor& a);
/// The matrix product of a and b (rank >= 2) without the terms of which a factor is 0.
Tensor matmul_with_strong_zeros(const Tensor& product, const Tensor& a, const Tensor& b);

}  // namespace tapegrad
