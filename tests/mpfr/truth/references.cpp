#include "truth/references.hpp"

#include <cmath>
#include <limits>

#include "tapegrad/ops/pointwise.hpp"

namespace tapegrad::truth {
namespace {

Real zero(const Real&) { return 0.0; }
Real negated(const Real& x) { return -x; }
Real minus_one(const Real&) { return -1.0; }

Real square(const Real& x) { return x * x; }
Real reciprocal(const Real& x) { return 1.0 / x; }
Real exp(const Real& x) { return apply<mpfr_exp>(x); }
Real sqrt(const Real& x) { return apply<mpfr_sqrt>(x); }
Real sign(const Real& x) { return x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : x; }

Real sigmoid(const Real& x) { return 1.0 / (1.0 + exp(-x)); }
/// a sigmoid(x), which is 0 at -infinity.
Real times_sigmoid(const Real& a, const Real& x) { return x.is_infinite() && x.is_negative() ? -0.0 : a * sigmoid(x); }
Real silu(const Real& x) { return times_sigmoid(x, x); }
Real silu_slope(const Real& x) {
  if (x.is_infinite()) return sigmoid(x);
  return sigmoid(x) * (1.0 + x * sigmoid(-x));
}

Real normal_cdf(const Real& x) { return scale(apply<mpfr_erfc>(-x / sqrt(2.0)), -1); }
Real normal_density(const Real& x) { return exp(scale(-square(x), -1)) / sqrt(scale(pi(), 1)); }
Real gelu_exact(const Real& x) { return x.is_infinite() && x.is_negative() ? -0.0 : x * normal_cdf(x); }
Real gelu_exact_slope(const Real& x) { return x.is_infinite() ? normal_cdf(x) : normal_cdf(x) + x * normal_density(x); }
Real gelu_tanh_argument(const Real& x) { return sqrt(8.0 / pi()) * (x + square(x) * 44715.0 / 1e6 * x); }
Real gelu_tanh(const Real& x) { return times_sigmoid(x, gelu_tanh_argument(x)); }
Real gelu_tanh_slope(const Real& x) {
  const Real u = gelu_tanh_argument(x);
  if (x.is_infinite()) return sigmoid(x);
  return sigmoid(u) * (1.0 + x * sqrt(8.0 / pi()) * (1.0 + 3.0 * square(x) * 44715.0 / 1e6) * sigmoid(-u));
}

Real log_gamma(const Real& x) {
  Real y;
  int sign = 0;
  mpfr_lgamma(y.get(), &sign, x.get(), MPFR_RNDN);
  return y;
}

/// The derivative of psi of the given order, which MPFR lacks: central differences of psi whose step leaves 128 bits
/// right, computed with as many more as they cancel.
template <int order>
Real digamma_derivative(const Real& x) {
  constexpr long kStep = 64;
  if (x.is_nan()) return x;
  if (x.is_infinite()) return x.is_negative() ? std::nan("") : order % 2 != 0 ? 0.0 : -0.0;
  Real nearest;
  mpfr_rint(nearest.get(), x.get(), MPFR_RNDN);
  Real to_pole = x.is_negative() || abs(x) < 1.0 ? abs(x - nearest) : x;  // the nearest pole, or a lower bound
  if (x > 0.0 && x < 1.0) to_pole = x;
  if (to_pole.is_zero())  // on the pole: an odd order has the same limit on both sides
    return order % 2 != 0 ? apply<mpfr_digamma>(-0.0) : x.is_zero() ? apply<mpfr_digamma>(x) : Real(std::nan(""));
  const Real::Precision precision(kPrecision + kStep * (order + 1));
  const Real h = scale(to_pole, -kStep);
  Real difference = 0.0;
  double binomial = 1;
  for (int k = 0; k <= order; ++k) {
    const Real at = x + scale(h * static_cast<double>(order - 2 * k), -1);
    difference = difference + (k % 2 == 0 ? binomial : -binomial) * apply<mpfr_digamma>(at);
    binomial = binomial * (order - k) / (k + 1);
  }
  for (int k = 0; k < order; ++k) difference = difference / h;
  return difference;
}

Real acos_slope(const Real& x) { return -1.0 / sqrt((1.0 - x) * (1.0 + x)); }
Real elu(const Real& x) { return x > 0.0 ? x : 0.75 * apply<mpfr_expm1>(x); }
Real softsign(const Real& x) { return x.is_infinite() ? sign(x) : x / (1.0 + abs(x)); }
Real log_sigmoid(const Real& x) { return x < -1000.0 ? x : -apply<mpfr_log1p>(exp(-x)); }
Real nearest_integer(const Real& x) { return apply<mpfr_rint>(x); }
Real floor(const Real& x) {
  Real y;
  mpfr_floor(y.get(), x.get());
  return y;
}
Real ceil(const Real& x) {
  Real y;
  mpfr_ceil(y.get(), x.get());
  return y;
}
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kLowest = -1.5, kHighest = 2.0;  // of the clamp that is measured

}  // namespace

const std::vector<Reference>& references() {
  // Multiples of pi / 2, the largest angle that is reduced on lanes, and the float and the double that come nearest to
  // a multiple of pi / 2 (Muller et al., Handbook of Floating-Point Arithmetic, section 11.2).
  static const std::vector<double> angles = {
      1.5707963267948966,  3.141592653589793,           0.7853981633974483, 6.283185307179586, 355.0, 0x1p20,
      16367173.0 * 0x1p72, 6381956970095103.0 * 0x1p797};
  static const std::vector<Reference> all = {
      {"abs", "abs", [](const Tensor& x) { return tapegrad::abs(x); }, abs, sign},
      {"acos", "acos", [](const Tensor& x) { return acos(x); }, apply<mpfr_acos>, acos_slope, {0.5}},
      {"acosh",
       "acosh",
       [](const Tensor& x) { return acosh(x); },
       apply<mpfr_acosh>,
       [](const Real& x) { return 1.0 / (sqrt(x - 1.0) * sqrt(x + 1.0)); },
       {2.0, 0x1p28}},
      {"asin",
       "asin",
       [](const Tensor& x) { return asin(x); },
       apply<mpfr_asin>,
       [](const Real& x) { return -acos_slope(x); },
       {0.5}},
      {"asinh",
       "asinh",
       [](const Tensor& x) { return asinh(x); },
       apply<mpfr_asinh>,
       [](const Real& x) { return 1.0 / sqrt(1.0 + square(x)); },
       {0x1p28}},
      {"atan",
       "atan",
       [](const Tensor& x) { return atan(x); },
       apply<mpfr_atan>,
       [](const Real& x) { return 1.0 / (1.0 + square(x)); },
       {0.5, 2.0, 1e20, 1e154, 1e161}},
      {"atanh",
       "atanh",
       [](const Tensor& x) { return atanh(x); },
       apply<mpfr_atanh>,
       [](const Real& x) { return 1.0 / ((1.0 - x) * (1.0 + x)); },
       {0.5}},
      {"cbrt", "cbrt", cbrt, apply<mpfr_cbrt>, [](const Real& x) { return 1.0 / (3.0 * square(apply<mpfr_cbrt>(x))); }},
      {"ceil", "ceil", [](const Tensor& x) { return tapegrad::ceil(x); }, ceil, zero, {0.5, 2.0, 2.5, 0x1p23, 0x1p52}},
      {"clamp",
       "clamp",
       [](const Tensor& x) { return clamp(x, kLowest, kHighest); },
       [](const Real& x) -> Real { return x < kLowest    ? kLowest
                                          : x > kHighest ? kHighest
                                                         : x; },
       [](const Real& x) -> Real { return x < kLowest || x > kHighest ? 0.0 : 1.0; },
       {1.5, 2.0}},
      {"cos", "cos", [](const Tensor& x) { return cos(x); }, apply<mpfr_cos>,
       [](const Real& x) { return -apply<mpfr_sin>(x); }, angles},
      {"cosh", "cosh", [](const Tensor& x) { return cosh(x); }, apply<mpfr_cosh>, apply<mpfr_sinh>, {89.4, 710.47}},
      {.row = "digamma",
       .op = "digamma",
       .call = digamma,
       .value = apply<mpfr_digamma>,
       .derivative = digamma_derivative<1>,
       .points = {1.4616321449683622, 16.0, 0.5, 2.0, 3.0, 0.504083008264455, 1.573498473162390},
       .value_cancels = {{-kInfinity, 0.0}},
       .costly = true,
       .note = "between the poles on the negative side each of its zeros is a difference of large terms; near them "
               "the error is measured in ulps of 1"},
      {"elu alpha 0.75",
       "elu",
       [](const Tensor& x) { return tapegrad::elu(x, 0.75); },
       elu,
       [](const Real& x) -> Real { return x > 0.0 ? 1.0 : 0.75 * exp(x); },
       {0.34, 20.0, 40.0, 104.0, 745.0}},
      {"erf",
       "erf",
       [](const Tensor& x) { return erf(x); },
       apply<mpfr_erf>,
       [](const Real& x) { return 2.0 / sqrt(pi()) * exp(-square(x)); },
       {1.0, 4.0, 6.5}},
      {"erfc",
       "erfc",
       [](const Tensor& x) { return erfc(x); },
       apply<mpfr_erfc>,
       [](const Real& x) { return -2.0 / sqrt(pi()) * exp(-square(x)); },
       {0.5, 10.1, 27.25}},
      {"exp", "exp", [](const Tensor& x) { return exp(x); }, exp, exp, {88.72, 104.0, 709.78, 745.1}},
      {"exp2",
       "exp2",
       exp2,
       apply<mpfr_exp2>,
       [](const Real& x) {
         Real ln2;
         mpfr_const_log2(ln2.get(), MPFR_RNDN);
         return ln2 * apply<mpfr_exp2>(x);
       },
       {128.0, 149.0, 150.0, 1024.0, 1074.0, 0.5}},
      {"expm1", "expm1", [](const Tensor& x) { return expm1(x); }, apply<mpfr_expm1>, exp, {0.34, 20.0, 40.0, 709.78}},
      {"floor",
       "floor",
       [](const Tensor& x) { return tapegrad::floor(x); },
       floor,
       zero,
       {0.5, 2.0, 2.5, 0x1p23, 0x1p52}},
      {.row = "gelu",
       .op = "gelu",
       .call = [](const Tensor& x) { return gelu(x); },
       .value = gelu_exact,
       .derivative = gelu_exact_slope,
       .points = {0.7517915246935645, 0.7071067811865476, 14.2, 38.5},
       .derivative_bound = {6, 8},
       .derivative_cancels = {{-1.0, -0.5}},
       .note = "the two terms of the slope cancel about its zero at -0.75"},
      {.row = "gelu tanh form",
       .op = "gelu",
       .call = [](const Tensor& x) { return gelu(x, GELUForm::tanh); },
       .value = gelu_tanh,
       .derivative = gelu_tanh_slope,
       .points = {0.7524614220710182, 12.7, 21.9},
       .derivative_bound = {6, 8},
       .derivative_cancels = {{-1.0, -0.5}},
       .note = "the two terms of the slope cancel about its zero at -0.75"},
      {"leaky_relu slope 0.01", "leaky_relu", [](const Tensor& x) { return leaky_relu(x); },
       [](const Real& x) -> Real { return x > 0.0 ? x : 0.01 * x; },
       [](const Real& x) -> Real { return x > 0.0 ? 1.0 : 0.01; }},
      {.row = "lgamma",
       .op = "lgamma",
       .call = [](const Tensor& x) { return lgamma(x); },
       .value = log_gamma,
       .derivative = apply<mpfr_digamma>,
       .points = {1.4616321449683622, 16.0, 0.5, 2.0, 3.0, 2.457024738220801, 2.7476826467274127},
       .derivative_cancels = {{-kInfinity, 0.0}},
       .costly = true,
       .note = "the values are libm's own; for the derivative see digamma"},
      {"log", "log", [](const Tensor& x) { return log(x); }, apply<mpfr_log>, reciprocal},
      {"log10",
       "log10",
       log10,
       apply<mpfr_log10>,
       [](const Real& x) { return 1.0 / (x * apply<mpfr_log>(10.0)); },
       {0.70710678, 10.0, 100.0}},
      {"log1p", "log1p", [](const Tensor& x) { return log1p(x); }, apply<mpfr_log1p>,
       [](const Real& x) { return 1.0 / (1.0 + x); }},
      {"log2",
       "log2",
       log2,
       apply<mpfr_log2>,
       [](const Real& x) { return 1.0 / (x * apply<mpfr_log>(2.0)); },
       {0.70710678, 2.0}},
      {"log_sigmoid",
       "log_sigmoid",
       tapegrad::log_sigmoid,
       log_sigmoid,
       [](const Real& x) { return sigmoid(-x); },
       {88.0, 104.0, 709.0, 745.0, 800.0}},
      {"neg", "neg", neg, negated, minus_one},
      {.row = "polygamma order 1",
       .op = "polygamma",
       .call = [](const Tensor& x) { return polygamma(1, x); },
       .value = digamma_derivative<1>,
       .derivative = digamma_derivative<2>,
       .points = {17.0, 0.5, 2.0},
       .derivative_cancels = {{-kInfinity, 0.0}},
       .costly = true,
       .note = "its derivative has a zero between any two poles, as digamma has"},
      {.row = "polygamma order 2",
       .op = "polygamma",
       .call = [](const Tensor& x) { return polygamma(2, x); },
       .value = digamma_derivative<2>,
       .derivative = digamma_derivative<3>,
       .points = {18.0, 0.5, 2.0},
       .value_cancels = {{-kInfinity, 0.0}},
       .costly = true,
       .note = "it has a zero between any two poles, as digamma has"},
      {"relu", "relu", relu, [](const Real& x) -> Real { return x < 0.0 ? 0.0 : x; },
       [](const Real& x) -> Real { return x > 0.0 ? 1.0 : 0.0; }},
      {"round",
       "round",
       [](const Tensor& x) { return tapegrad::round(x); },
       nearest_integer,
       zero,
       {0.5, 1.5, 2.0, 2.5, 0x1p22, 0x1p23, 0x1p51, 0x1p52}},
      {.row = "rsqrt",
       .op = "rsqrt",
       .call = rsqrt,
       .value = [](const Real& x) { return 1.0 / sqrt(x); },
       .derivative = [](const Real& x) { return -0.5 / (x * sqrt(x)); },
       .derivative_bound = {6, 6},
       .note = "the slope is the cube of the value, and its error three times as large"},
      {"sigmoid",
       "sigmoid",
       tapegrad::sigmoid,
       sigmoid,
       [](const Real& x) { return sigmoid(x) * sigmoid(-x); },
       {88.0, 104.0, 709.0, 745.0}},
      {"sign", "sign", [](const Tensor& x) { return tapegrad::sign(x); }, sign, zero},
      {.row = "silu",
       .op = "silu",
       .call = tapegrad::silu,
       .value = silu,
       .derivative = silu_slope,
       .points = {1.2784645427610738, 88.0, 104.0, 709.0, 745.0},
       .derivative_bound = {6, 10},
       .derivative_cancels = {{-1.5, -1.0}},
       .note = "the two terms of the slope cancel about its zero at -1.28"},
      {"sin", "sin", [](const Tensor& x) { return sin(x); }, apply<mpfr_sin>, apply<mpfr_cos>, angles},
      {"sinh", "sinh", [](const Tensor& x) { return sinh(x); }, apply<mpfr_sinh>, apply<mpfr_cosh>, {89.4, 710.47}},
      {"softplus",
       "softplus",
       softplus,
       [](const Real& x) -> Real { return x > 1000.0 ? x : apply<mpfr_log1p>(exp(x)); },
       sigmoid,
       {88.0, 104.0, 709.0, 745.0}},
      {"softsign",
       "softsign",
       tapegrad::softsign,
       softsign,
       [](const Real& x) { return 1.0 / square(1.0 + abs(x)); },
       {1e20, 1e154, 1e161}},
      {"sqrt", "sqrt", [](const Tensor& x) { return sqrt(x); }, sqrt, [](const Real& x) { return 0.5 / sqrt(x); }},
      {"square", "square", tapegrad::square, square, [](const Real& x) { return 2.0 * x; }},
      {"tan", "tan", [](const Tensor& x) { return tan(x); }, apply<mpfr_tan>,
       [](const Real& x) { return 1.0 + square(apply<mpfr_tan>(x)); }, angles},
      {"tanh",
       "tanh",
       [](const Tensor& x) { return tanh(x); },
       apply<mpfr_tanh>,
       [](const Real& x) { return 1.0 / square(apply<mpfr_cosh>(x)); },
       {10.0, 22.0}},
  };
  return all;
}

}  // namespace tapegrad::truth
