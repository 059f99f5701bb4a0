// Products whose zeros are strong: what mul, div, matmul and the convolutions compute while a reverse rule runs for a
// sweep with .strong_zero. Where the plain result is NaN and an exact zero takes part, that zero wins; all else stays,
// to the bit, and what stays is differentiated as ever.
#pragma once

#include "tapegrad/base/callable.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// The product of a and b: 0 where it is NaN and a factor is 0.
Tensor with_strong_zeros(const Tensor& product, const Tensor& a, const Tensor& b);
/// The quotient a / b: 0 where it is NaN and a is 0.
Tensor quotient_with_strong_zeros(const Tensor& quotient, const Tensor& a);
/// A sum of products of an element of a and one of b, such as a matrix product or a convolution.
using Bilinear = Callable<Tensor(const Tensor&, const Tensor&)>;
/// The product f(a, b) without the terms of which a factor is 0.
Tensor bilinear_with_strong_zeros(const Tensor& product, const Tensor& a, const Tensor& b, const Bilinear& f);

}  // namespace tapegrad
