// Operations on each element alone. All take float32 or float64, broadcast as NumPy does, and refuse to mix dtypes;
// numbers take the tensor's dtype. add, sub, mul, neg, maximum and minimum take int64 too, and wrap around. Where a
// gradient is a choice (kinks, ties, domain borders) the op's line says which one it makes.
#pragma once

#include <concepts>
#include <type_traits>

#include "tapegrad/tape/add.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// Any built-in number: adapts to the other operand's dtype.
template <class T>
concept Number = std::is_arithmetic_v<T>;

/// A scalar tensor of x's dtype.
Tensor number_like(double value, const Tensor& x);

// ---- two operands: ShapeError when they do not broadcast, DTypeError when the dtypes differ

Tensor sub(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
Tensor div(const Tensor& a, const Tensor& b);
/// a^b. d/db is 0 where b >= 0 and a = 0; d/da is 0 where b = 0.
Tensor pow(const Tensor& a, const Tensor& b);
/// Ties split the gradient in halves. NaN propagates.
Tensor maximum(const Tensor& a, const Tensor& b);
Tensor minimum(const Tensor& a, const Tensor& b);

// ---- one operand

Tensor neg(const Tensor& x);
Tensor square(const Tensor& x);
/// Slope inf at 0.
Tensor sqrt(const Tensor& x);
Tensor rsqrt(const Tensor& x);
Tensor exp(const Tensor& x);
Tensor expm1(const Tensor& x);
Tensor log(const Tensor& x);
Tensor log1p(const Tensor& x);
Tensor sin(const Tensor& x);
Tensor cos(const Tensor& x);
Tensor tanh(const Tensor& x);
/// Slope 0 at 0.
Tensor abs(const Tensor& x);
/// -1, 0 or 1; its gradient is zero.
Tensor sign(const Tensor& x);
/// Gradient 1 inside and at the bounds, 0 outside. ValueError when low > high.
Tensor clamp(const Tensor& x, double low, double high);

// ---- activations

Tensor sigmoid(const Tensor& x);
/// Slope 0 at 0.
Tensor relu(const Tensor& x);
enum class GeluForm : unsigned char { exact, tanh };
/// x Phi(x), or its tanh approximation: Hendrycks and Gimpel 2016, arXiv:1606.08415.
Tensor gelu(const Tensor& x, GeluForm form = GeluForm::exact);
/// x sigmoid(x).
Tensor silu(const Tensor& x);
/// log(1 + e^x), stable in both tails.
Tensor softplus(const Tensor& x);
Tensor erf(const Tensor& x);
/// 1 - erf(x), without the cancellation.
Tensor erfc(const Tensor& x);

// ---- choice and comparison

/// condition ? a : b, broadcast; condition is bool and carries no gradient.
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);

/// x with `value` where the bool mask is true; both broadcast. No gradient flows there, not even a NaN. Any dtype.
/// Throws DTypeError, ShapeError.
Tensor masked_fill(const Tensor& x, const Tensor& mask, double value);

/// Elementwise comparisons: bool tensors, without gradient. Any two tensors of one dtype.
Tensor equal(const Tensor& a, const Tensor& b);
Tensor not_equal(const Tensor& a, const Tensor& b);
Tensor less(const Tensor& a, const Tensor& b);
Tensor less_equal(const Tensor& a, const Tensor& b);
Tensor greater(const Tensor& a, const Tensor& b);
Tensor greater_equal(const Tensor& a, const Tensor& b);
/// On bool tensors.
Tensor logical_and(const Tensor& a, const Tensor& b);
Tensor logical_or(const Tensor& a, const Tensor& b);
Tensor logical_not(const Tensor& x);

// ---- operators

inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }
inline Tensor operator-(const Tensor& x) { return neg(x); }
inline Tensor operator==(const Tensor& a, const Tensor& b) { return equal(a, b); }
inline Tensor operator!=(const Tensor& a, const Tensor& b) { return not_equal(a, b); }
inline Tensor operator<(const Tensor& a, const Tensor& b) { return less(a, b); }
inline Tensor operator<=(const Tensor& a, const Tensor& b) { return less_equal(a, b); }
inline Tensor operator>(const Tensor& a, const Tensor& b) { return greater(a, b); }
inline Tensor operator>=(const Tensor& a, const Tensor& b) { return greater_equal(a, b); }

#define TAPEGRAD_NUMBER_OPERANDS(op)                      \
  template <Number T>                                     \
  Tensor op(const Tensor& a, T b) {                       \
    return op(a, number_like(static_cast<double>(b), a)); \
  }                                                       \
  template <Number T>                                     \
  Tensor op(T a, const Tensor& b) {                       \
    return op(number_like(static_cast<double>(a), b), b); \
  }
TAPEGRAD_NUMBER_OPERANDS(operator+)
TAPEGRAD_NUMBER_OPERANDS(operator-)
TAPEGRAD_NUMBER_OPERANDS(operator*)
TAPEGRAD_NUMBER_OPERANDS(operator/)
TAPEGRAD_NUMBER_OPERANDS(operator==)
TAPEGRAD_NUMBER_OPERANDS(operator!=)
TAPEGRAD_NUMBER_OPERANDS(operator<)
TAPEGRAD_NUMBER_OPERANDS(operator<=)
TAPEGRAD_NUMBER_OPERANDS(operator>)
TAPEGRAD_NUMBER_OPERANDS(operator>=)
TAPEGRAD_NUMBER_OPERANDS(pow)
TAPEGRAD_NUMBER_OPERANDS(maximum)
TAPEGRAD_NUMBER_OPERANDS(minimum)
#undef TAPEGRAD_NUMBER_OPERANDS

template <Number T>
Tensor where(const Tensor& condition, const Tensor& a, T b) {
  return where(condition, a, number_like(static_cast<double>(b), a));
}
template <Number T>
Tensor where(const Tensor& condition, T a, const Tensor& b) {
  return where(condition, number_like(static_cast<double>(a), b), b);
}
/// The name that formulas written once for vector lanes and tensors use. (An entry of a dimension is select(x, d, i),
/// in ops/view.hpp.)
template <class A, class B>
requires(!(Number<A> && Number<B>)) Tensor select(const Tensor& condition, const A& a, const B& b) {
  return where(condition, a, b);
}

}  // namespace tapegrad
