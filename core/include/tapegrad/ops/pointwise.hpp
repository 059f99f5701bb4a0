// Operations on each element alone. All take float32 or float64, broadcast as NumPy does, and refuse to mix dtypes; a
// number takes the tensor's dtype, which must be able to hold it (DTypeError for 2.5 beside an int64 tensor). add, sub,
// mul, neg, abs, square, clamp, maximum, minimum, floor_divide and remainder take int64 too, and wrap around.
//
// Where a gradient is a choice (kinks, ties, borders of domains), the function's comment says which one is made. Where
// relu, clamp, maximum, minimum and where have slope 0, the gradient is 0 even for an infinite cotangent: sqrt(relu(x))
// has gradient 0 at x = 0. Its tangents and second derivatives there are NaN (0 times infinity, in sqrt) unless
// .strong_zero is set.
#pragma once

#include <limits>
#include <string_view>
#include <type_traits>

#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/engine_ops.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// Any built-in number: takes the other operand's dtype.
template <class T>
concept Number = std::is_arithmetic_v<T>;

/// A scalar tensor of x's dtype. Throws DTypeError "[op] int64 has no 2.5: ..." for a number that an int64 or bool
/// tensor cannot hold exactly; a floating dtype rounds it.
template <Number T>
Tensor number_like(T value, const Tensor& x, std::string_view op = "number_like") {
  const DType dtype = engine::dtype_beside(op, x);
  bool exact = false;
  if constexpr (std::is_integral_v<T>) exact = dtype == int64 && engine::fits_int64(value);
  if (!exact) engine::expect_number_of(op, dtype, static_cast<double>(value));
  return tensor(value, {.dtype = dtype});
}

// ---- two operands: ShapeError when they do not broadcast, DTypeError when the dtypes differ

Tensor sub(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
Tensor div(const Tensor& a, const Tensor& b);
/// a^b. d/db is 0 where b >= 0 and a = 0; d/da is 0 where b = 0.
Tensor pow(const Tensor& a, const Tensor& b);
/// Ties split the gradient in halves. NaN propagates.
Tensor maximum(const Tensor& a, const Tensor& b);
Tensor minimum(const Tensor& a, const Tensor& b);
/// floor(a / b), and a - b floor(a / b), which has b's sign: Python's // and %. For b = 0 floating tensors give a / b
/// and NaN, int64 ones throw ValueError. floor_divide's gradient is zero, remainder's 1 and -floor(a / b).
Tensor floor_divide(const Tensor& a, const Tensor& b);
Tensor remainder(const Tensor& a, const Tensor& b);
/// The angle of the point (x, y), between -pi and pi. Slopes 0 at the origin, where there is none.
Tensor atan2(const Tensor& y, const Tensor& x);
/// x log y, and 0 where x is 0, whatever y but NaN. Slopes 0 where x is 0 and y has no logarithm. The entropy of
/// probabilities, some of which may be 0: -sum(xlogy(p, p), -1).
Tensor xlogy(const Tensor& x, const Tensor& y);

// ---- one operand

Tensor neg(const Tensor& x);
Tensor square(const Tensor& x);
/// Slope inf at 0.
Tensor sqrt(const Tensor& x);
Tensor rsqrt(const Tensor& x);
/// Slope inf at 0.
Tensor cbrt(const Tensor& x);
Tensor exp(const Tensor& x);
Tensor exp2(const Tensor& x);
Tensor expm1(const Tensor& x);
/// Logarithms: -inf with slope inf at 0 (log1p: at -1), NaN below.
Tensor log(const Tensor& x);
Tensor log2(const Tensor& x);
Tensor log10(const Tensor& x);
Tensor log1p(const Tensor& x);
Tensor sin(const Tensor& x);
Tensor cos(const Tensor& x);
Tensor tan(const Tensor& x);
/// asin, acos: NaN beyond -1 and 1, where the slopes are infinite.
Tensor asin(const Tensor& x);
Tensor acos(const Tensor& x);
Tensor atan(const Tensor& x);
Tensor sinh(const Tensor& x);
Tensor cosh(const Tensor& x);
Tensor tanh(const Tensor& x);
Tensor asinh(const Tensor& x);
/// NaN below 1; slope inf at 1.
Tensor acosh(const Tensor& x);
/// Infinite at -1 and 1, NaN beyond.
Tensor atanh(const Tensor& x);
/// ln |Gamma(x)|: inf at 0, -1, -2 ...
Tensor lgamma(const Tensor& x);
/// psi(x), the derivative of lgamma.
Tensor digamma(const Tensor& x);
/// The derivative of digamma of the given order (order 0 is digamma itself). ValueError when it is negative or above
/// 1000, for the slope's order too where that is differentiated again.
Tensor polygamma(int order, const Tensor& x);
/// Slope 0 at 0.
Tensor abs(const Tensor& x);
/// -1, 0 or 1; its gradient is zero.
Tensor sign(const Tensor& x);
/// To integers: down, up, and to the nearest (halves to the even one); the gradient is zero.
Tensor floor(const Tensor& x);
Tensor ceil(const Tensor& x);
Tensor round(const Tensor& x);
/// Gradient 1 inside and at the bounds, 0 outside. ValueError when low > high.
Tensor clamp(const Tensor& x, double low, double high);
/// With one bound.
inline Tensor clamp_min(const Tensor& x, double low) { return clamp(x, low, std::numeric_limits<double>::infinity()); }
inline Tensor clamp_max(const Tensor& x, double high) {
  return clamp(x, -std::numeric_limits<double>::infinity(), high);
}

// ---- activations

Tensor sigmoid(const Tensor& x);
/// Slope 0 at 0.
Tensor relu(const Tensor& x);
enum class GELUForm : unsigned char {
  exact,  ///< x Phi(x)
  tanh    ///< x sigmoid(2 sqrt(2 / pi) (x + 0.044715 x^3))
};
/// x Phi(x), or its tanh approximation: Hendrycks and Gimpel 2016, arXiv:1606.08415. ValueError for what is no
/// GELUForm.
Tensor gelu(const Tensor& x, GELUForm form = GELUForm::exact);
/// x sigmoid(x).
Tensor silu(const Tensor& x);
/// log(1 + e^x), stable in both tails.
Tensor softplus(const Tensor& x);
/// log(sigmoid(x)), stable in both tails.
Tensor log_sigmoid(const Tensor& x);
/// x for x > 0, alpha (e^x - 1) below: Clevert et al. 2016, arXiv:1511.07289. At 0 the slope is the number of least
/// magnitude between alpha and 1.
Tensor elu(const Tensor& x, double alpha = 1.0);
/// x for x > 0, negative_slope x below. At 0 the slope is the number of least magnitude between negative_slope and 1.
Tensor leaky_relu(const Tensor& x, double negative_slope = 0.01);
/// x / (1 + |x|).
Tensor softsign(const Tensor& x);
Tensor erf(const Tensor& x);
/// 1 - erf(x), without the cancellation.
Tensor erfc(const Tensor& x);

// ---- choice and comparison

/// condition ? a : b, all three broadcast; condition is bool and carries no gradient. a and b may have any dtype.
/// DTypeError unless the condition is bool and a and b have one dtype, ShapeError when the shapes do not broadcast.
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
/// Which elements are NaN, which are infinite, and which are neither: bool tensors, without gradient. Any dtype.
Tensor isnan(const Tensor& x);
Tensor isinf(const Tensor& x);
Tensor isfinite(const Tensor& x);

struct CloseOptions {
  double rtol = 1e-5;      ///< relative tolerance, of the magnitude of b
  double atol = 1e-8;      ///< absolute tolerance
  bool equal_nan = false;  ///< whether NaN is close to NaN
};
/// |a - b| <= atol + rtol |b|, broadcast; an infinity is close to itself alone, and integers and truth values to their
/// equals. isclose gives a bool tensor without gradient, allclose whether all of it is true. Throw DTypeError when the
/// dtypes differ, ShapeError when the shapes do not broadcast.
Tensor isclose(const Tensor& a, const Tensor& b, CloseOptions options = {});
[[nodiscard]] bool allclose(const Tensor& a, const Tensor& b, CloseOptions options = {});

/// On bool tensors; `a & b`, `a | b` and `~x` are the same. Throw DTypeError for other tensors, ShapeError.
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
inline Tensor operator&(const Tensor& a, const Tensor& b) { return logical_and(a, b); }
inline Tensor operator|(const Tensor& a, const Tensor& b) { return logical_or(a, b); }
inline Tensor operator~(const Tensor& x) { return logical_not(x); }

/// Of a tensor and a number; errors begin with the op's name.
#define TAPEGRAD_NUMBER_OPERANDS(function, op) \
  template <Number T>                          \
  Tensor function(const Tensor& a, T b) {      \
    return function(a, number_like(b, a, op)); \
  }                                            \
  template <Number T>                          \
  Tensor function(T a, const Tensor& b) {      \
    return function(number_like(a, b, op), b); \
  }
TAPEGRAD_NUMBER_OPERANDS(operator+, "add")
TAPEGRAD_NUMBER_OPERANDS(operator-, "sub")
TAPEGRAD_NUMBER_OPERANDS(operator*, "mul")
TAPEGRAD_NUMBER_OPERANDS(operator/, "div")
TAPEGRAD_NUMBER_OPERANDS(operator==, "equal")
TAPEGRAD_NUMBER_OPERANDS(operator!=, "not_equal")
TAPEGRAD_NUMBER_OPERANDS(operator<, "less")
TAPEGRAD_NUMBER_OPERANDS(operator<=, "less_equal")
TAPEGRAD_NUMBER_OPERANDS(operator>, "greater")
TAPEGRAD_NUMBER_OPERANDS(operator>=, "greater_equal")
TAPEGRAD_NUMBER_OPERANDS(pow, "pow")
TAPEGRAD_NUMBER_OPERANDS(maximum, "maximum")
TAPEGRAD_NUMBER_OPERANDS(minimum, "minimum")
TAPEGRAD_NUMBER_OPERANDS(floor_divide, "floor_divide")
TAPEGRAD_NUMBER_OPERANDS(remainder, "remainder")
TAPEGRAD_NUMBER_OPERANDS(atan2, "atan2")
TAPEGRAD_NUMBER_OPERANDS(xlogy, "xlogy")
#undef TAPEGRAD_NUMBER_OPERANDS

/// a = a + b, and so on: a new tensor under the old name. Nothing is written in place, no other handle or view changes.
#define TAPEGRAD_COMPOUND_ASSIGNMENT(op)                                           \
  inline Tensor& operator op##=(Tensor& a, const Tensor& b) { return a = a op b; } \
  template <Number T>                                                              \
  Tensor& operator op##=(Tensor& a, T b) {                                         \
    return a = a op b;                                                             \
  }
TAPEGRAD_COMPOUND_ASSIGNMENT(+)
TAPEGRAD_COMPOUND_ASSIGNMENT(-)
TAPEGRAD_COMPOUND_ASSIGNMENT(*)
TAPEGRAD_COMPOUND_ASSIGNMENT(/)
#undef TAPEGRAD_COMPOUND_ASSIGNMENT

template <Number T>
Tensor where(const Tensor& condition, const Tensor& a, T b) {
  return where(condition, a, number_like(b, a, "where"));
}
template <Number T>
Tensor where(const Tensor& condition, T a, const Tensor& b) {
  return where(condition, number_like(a, b, "where"), b);
}
/// Of two numbers: float32, as tensor(a).
template <Number A, Number B>
Tensor where(const Tensor& condition, A a, B b) {
  return where(condition, tensor(a), tensor(b));
}

}  // namespace tapegrad
