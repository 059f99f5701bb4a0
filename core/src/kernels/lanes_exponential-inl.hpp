// Exponentials, logarithms and powers on lanes, and what is made of them: sigmoid, hyperbolic functions and their
// inverses, roots.

#if defined(TAPEGRAD_KERNELS_LANES_EXPONENTIAL_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef TAPEGRAD_KERNELS_LANES_EXPONENTIAL_INL_HPP
#undef TAPEGRAD_KERNELS_LANES_EXPONENTIAL_INL_HPP
#else
#define TAPEGRAD_KERNELS_LANES_EXPONENTIAL_INL_HPP
#endif

#include <cmath>
#include <limits>

#include "kernels/gelu_constants.hpp"
#include "kernels/lanes_arithmetic-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {

// ---- Exponentials ----

/// x = k ln 2 + r with |r| <= ln 2 / 2.
template <class D>
struct ReducedExp {
  Lanes<D> k, r;
};

template <class D>
TAPEGRAD_LANES_FUNCTION ReducedExp<D> reduce_exp(Lanes<D> x) {
  const auto k = round_small(x * (1.0 / kLn2));
  // ln 2 in two parts: k times the first is exact without fused multiply-add.
  const auto r = kIsFloat<D>
                     ? mul_add(k, Lanes<D>(-1.4286068203094172e-6), mul_add(k, Lanes<D>(-0.693145751953125), x))
                     : mul_add(k, Lanes<D>(-5.4979230187083712e-14), mul_add(k, Lanes<D>(-0.69314718055989033019), x));
  return {k, r};
}

/// e^r - 1 for |r| <= ln 2 / 2.
template <class D>
TAPEGRAD_LANES_FUNCTION Lanes<D> expm1_reduced(Lanes<D> r) {
  const auto tail = kIsFloat<D> ? polynomial(r, 0.50000000134658092, 0.166666666816232314, 0.0416664649252859054,
                                             0.00833331092548090083, 0.00139336499963092504, 0.000198909908246736538)
                                : polynomial(r, 0.5, 0.16666666666666671, 0.0416666666666666698, 0.00833333333332613513,
                                             0.00138888888888837483, 0.000198412698748206253, 2.48015873255477412e-5,
                                             2.75572554002064244e-6, 2.75572736431102953e-7, 2.51052170047207452e-8,
                                             2.09146869680868772e-9);
  return mul_add(tail, r * r, r);
}

/// 2^k (1 + p) with |p| < 1/2.
template <class D>
struct ScaledExp {
  Lanes<D> k, p;
};

/// Below this e^x is zero even after the largest shift in use.
template <class D>
inline constexpr double kLowestExponent = kIsFloat<D> ? -150.0 : -800.0;

/// x between the exponents that matter.
template <class D>
TAPEGRAD_LANES_FUNCTION ReducedExp<D> reduce_bounded_exp(Lanes<D> x) {
  return reduce_exp(clamp_keep_nan(x, kLowestExponent<D>, kIsFloat<D> ? 90.0 : 711.0));
}

/// e^(x + low), for a low part of the exponent that is lost in x's last place.
template <class D>
TAPEGRAD_LANES_FUNCTION ScaledExp<D> exp_of(Lanes<D> x, Lanes<D> low) {
  const auto [k, r] = reduce_bounded_exp(x);
  return {k, expm1_reduced(r + low)};
}

/// e^x 2^shift; a shift keeps e^x / 2 finite where e^x is not.
template <class D>
TAPEGRAD_LANES_FUNCTION Lanes<D> exp_shifted(Lanes<D> x, double shift) {
  const auto [k, r] = reduce_bounded_exp(x);
  return scale(1.0 + expm1_reduced(r), k + shift);
}

template <class D>
TAPEGRAD_LANES_FUNCTION Lanes<D> exp(Lanes<D> x) {
  const auto [k, r] = reduce_bounded_exp(x);
  return scale(1.0 + expm1_reduced(r), k);
}

template <class D>
TAPEGRAD_LANES_FUNCTION Lanes<D> exp2(Lanes<D> x) {
  const auto bounded = kIsFloat<D> ? clamp_keep_nan(x, -152.0, 129.0) : clamp_keep_nan(x, -1080.0, 1025.0);
  const auto k = round_small(bounded);
  return scale(1.0 + expm1_reduced((bounded - k) * kLn2), k);
}

template <class D>
TAPEGRAD_LANES_FUNCTION Lanes<D> expm1(Lanes<D> x) {
  const auto [k, r] = reduce_exp(kIsFloat<D> ? clamp_keep_nan(x, -20.0, 88.73) : clamp_keep_nan(x, -40.0, 709.79));
  const auto p = expm1_reduced(r);
  const auto half_scale = power_of_two(k - 1.0);  // 2^k may be beyond the largest number
  const auto y = 2.0 * mul_add(p, half_scale, half_scale - 0.5);
  return copysign(select(k == 0.0, p, y), x);
}

/// 1 / (1 + e^-x), from e^-|x| alone: nothing overflows.
template <class D>
TAPEGRAD_LANES_FUNCTION Lanes<D> sigmoid(Lanes<D> x) {
  const auto e = exp(-abs(x));
  return select(x < 0.0, e, 1.0) / (1.0 + e);
}

/// sigmoid(x) sigmoid(-x), the slope of the sigmoid: a tail as long as that of e^-|x|.
template <class D>
TAPEGRAD_LANES_FUNCTION Lanes<D> logistic_density(Lanes<D> x) {
  const auto e = exp(-abs(x));
  const auto d = 1.0 + e;
  return e / (d * d);
}

/// A factor that would underflow is shifted up by this power of two, and the product down again.
inline constexpr double kTailShift = 64, kTailUnit = 0x1p-64;

/// a sigmoid(x + lost), where sigmoid(x) alone would be subnormal or zero too; 0 where it is zero, whatever a is.
template <class D>
TAPEGRAD_LANES_FUNCTION Lanes<D> times_sigmoid(Lanes<D> a, Unrounded<D> x) {
  const auto magnitude = abs(x.value);
  const auto [k, p] = exp_of(-magnitude, select(x.value < 0.0, x.lost, -x.lost));
  const auto e = scale(1.0 + p, k + kTailShift);
  const auto one_and_e = mul_add(e, Lanes<D>(kTailUnit), Lanes<D>(1.0));
  const auto tail = select(e == 0.0, copysign(0.0, a), a * e / one_and_e * kTailUnit);
  return select(x.value < 0.0, tail, a / one_and_e);
}
template <class D>
TAPEGRAD_LANES_FUNCTION Lanes<D> times_sigmoid(Lanes<D> a, Lanes<D> x) {
  return times_sigmoid(a, Unrounded<D>{x, 0.0});
}

template <class D>
TAPEGRAD_LANES_FUNCTION Unrounded<D> operator-(Unrounded<D> x) {
  return {-x.value, -x.lost};
}

/// 2 sqrt(2 / pi) (x + 0.044715 x^3), the argument of GELU's tanh form, to twice the precision: its rounding error
/// would be magnified up to 700 times in the tail.
template <class D>
TAPEGRAD_LANES_FUNCTION Unrounded<D> gelu_argument(Lanes<D> x) {
  constexpr double kLinear = kernels::kGeluLinear, kCubic = kernels::kGeluCubic;
  constexpr double kLinearLost =
      kIsFloat<D> ? kLinear - static_cast<double>(static_cast<float>(kLinear)) : -9.9693088091109203e-17;
  constexpr double kCubicLost =
      kIsFloat<D> ? kCubic - static_cast<double>(static_cast<float>(kCubic)) : -6.1751499181553155e-19;
  const auto bounded = clamp_keep_nan(x, -25.0, 25.0);  // the sigmoid has become 0 or 1
  const auto square = exact_product(bounded, bounded);
  const auto cubic = exact_product(square.value, Lanes<D>(kCubic));
  const auto factor = exact_difference(cubic.value, Lanes<D>(-kLinear));
  const auto factor_lost =
      (factor.lost + cubic.lost) + (square.lost * kCubic + square.value * kCubicLost) + kLinearLost;
  const auto product = exact_product(bounded, factor.value);
  return {product.value, product.lost + bounded * factor_lost};
}

template <class D>
TAPEGRAD_LANES_FUNCTION Lanes<D> tanh(Lanes<D> x) {
  const double saturated = kIsFloat<D> ? 10.0 : 22.0;  // tanh rounds to 1 from here on
  const auto [k, r] = reduce_exp(2.0 * at_most(saturated, abs(x)));
  const auto unit = power_of_two(k);
  const auto t = mul_add(expm1_reduced(r), unit, unit - 1.0);  // e^(2 |x|) - 1
  return copysign(t / (t + 2.0), x);
}

struct SinhInDouble {
  template <class D>
  TAPEGRAD_LANES_FUNCTION Lanes<D> operator()(Lanes<D> x) const {
    const auto magnitude = abs(x);
    const auto t = expm1(at_most(1.0, magnitude));
    const auto e = exp_shifted(magnitude, -1.0);
    return copysign(select(magnitude <= 1.0, 0.5 * (t + t / (t + 1.0)), e - 0.25 / e), x);
  }
};
TAPEGRAD_THROUGH_DOUBLE(sinh, SinhInDouble)

struct CoshInDouble {
  template <class D>
  TAPEGRAD_LANES_FUNCTION Lanes<D> operator()(Lanes<D> x) const {
    const auto e = exp_shifted(abs(x), -1.0);
    return e + 0.25 / e;
  }
};
TAPEGRAD_THROUGH_DOUBLE(cosh, CoshInDouble)

// ---- Logarithms ----

/// x = 2^k (1 + f) with 1 + f between sqrt(1/2) and sqrt(2).
template <class D>
struct LogParts {
  Lanes<D> k, f;
};

/// REQUIRES (for a meaningful result): x > 0 and finite.
template <class D>
TAPEGRAD_LANES_FUNCTION LogParts<D> split_log(Lanes<D> x) {
  const hn::RebindToUnsigned<D> bits;
  using U = hn::TFromD<decltype(bits)>;
  constexpr int kMantissa = kIsFloat<D> ? 23 : 52;
  constexpr U kOne = kIsFloat<D> ? static_cast<U>(0x3F800000u) : static_cast<U>(0x3FF0000000000000u);
  constexpr U kSqrtHalf = kIsFloat<D> ? static_cast<U>(0x3F3504F3u) : static_cast<U>(0x3FE6A09E667F3BCDu);
  constexpr double kIntegers = kIsFloat<D> ? 0x1p23 : 0x1p52;  // its bits plus an integer are the bits of the sum
  constexpr double kLift = kIsFloat<D> ? 25 : 54;              // makes subnormal numbers normal

  const auto subnormal = x < static_cast<double>(std::numeric_limits<hn::TFromD<D>>::min());
  const auto normal = select(subnormal, x * (kIsFloat<D> ? 0x1p25 : 0x1p54), x);
  const auto shifted = hn::Add(hn::BitCast(bits, normal.v), hn::Set(bits, kOne - kSqrtHalf));
  const auto exponent = hn::Or(hn::ShiftRight<kMantissa>(shifted), hn::BitCast(bits, Lanes<D>(kIntegers).v));
  const auto mantissa = hn::And(shifted, hn::Set(bits, (U{1} << kMantissa) - 1));
  const Lanes<D> k = Lanes<D>(hn::BitCast(D(), exponent)) - (kIntegers + (kIsFloat<D> ? 127.0 : 1023.0));
  const Lanes<D> m = hn::BitCast(D(), hn::Add(mantissa, hn::Set(bits, kSqrtHalf)));
  return {k - select(subnormal, kLift, 0.0), m - 1.0};
}

/// k ln 2 + log(1 + f) + correction: with s = f / (2 + f), log(1 + f) = 2 atanh(s) = f - (f^2/2 - s (f^2/2 + s^2
/// P(s^2))).
template <class D>
TAPEGRAD_LANES_FUNCTION Lanes<D> log_of_parts(Lanes<D> k, Lanes<D> f, Lanes<D> correction) {
  const auto s = f / (2.0 + f);
  const auto z = s * s;
  const auto tail =
      kIsFloat<D>
          ? polynomial(z, 0.666666665544061826, 0.400001219141492756, 0.285508123825901454, 0.233306966724557811)
          : polynomial(z, 0.666666666666666969, 0.399999999998993819, 0.285714286260310668, 0.222222111257228089,
                       0.181828897861910425, 0.153316996335438587, 0.146167211798618157);
  const auto half_square = 0.5 * f * f;
  const double ln2_high = kIsFloat<D> ? 0.693145751953125 : 0.69314718055989033019;
  const double ln2_low = kIsFloat<D> ? 1.4286068203094172e-6 : 5.4979230187083712e-14;
  const auto low = mul_add(s, mul_add(z, tail, half_square), mul_add(k, Lanes<D>(ln2_low), correction));
  return mul_add(k, Lanes<D>(ln2_high), f - (half_square - low));
}

/// y, the logarithm of x where 0 < x < infinity, with the values at and beyond the domain's ends.
template <class D>
TAPEGRAD_LANES_FUNCTION Lanes<D> with_log_limits(Lanes<D> x, Lanes<D> y) {
  const auto beyond = select(x == 0.0, -kInfinity, select(x < 0.0, kNaN, x));
  return select((x > 0.0) & (x < kInfinity), y, beyond);
}

template <class D>
TAPEGRAD_LANES_FUNCTION Lanes<D> log(Lanes<D> x) {
  const auto [k, f] = split_log(x);
  return with_log_limits(x, log_of_parts(k, f, Lanes<D>(0.0)));
}

/// Exact at powers of two.
template <class D>
TAPEGRAD_LANES_FUNCTION Lanes<D> log2(Lanes<D> x) {
  const auto [k, f] = split_log(x);
  return with_log_limits(x, mul_add(log_of_parts(Lanes<D>(0.0), f, Lanes<D>(0.0)), Lanes<D>(1.0 / kLn2), k));
}

template <class D>
TAPEGRAD_LANES_FUNCTION Lanes<D> log10(Lanes<D> x) {
  return log(x) * 0.434294481903251827651;
}

template <class D>
TAPEGRAD_LANES_FUNCTION Lanes<D> log1p(Lanes<D> x) {
  const auto u = 1.0 + x;
  const auto [k, f] = split_log(u);
  const auto lost = select(x < 1.0, x - (u - 1.0), 1.0 - (u - x));  // what rounding took from 1 + x
  const auto y = log_of_parts(k, f, lost / u);
  return select(x == 0.0, x, with_log_limits(u, y));
}

struct AsinhInDouble {
  template <class D>
  TAPEGRAD_LANES_FUNCTION Lanes<D> operator()(Lanes<D> x) const {
    const auto magnitude = abs(x);
    const auto bounded = select(magnitude > 0x1p28, 1.0, magnitude);
    const auto small = log1p(bounded + bounded * bounded / (1.0 + sqrt(1.0 + bounded * bounded)));
    return copysign(select(magnitude > 0x1p28, log(magnitude) + kLn2, small), x);
  }
};
TAPEGRAD_THROUGH_DOUBLE(asinh, AsinhInDouble)

struct AcoshInDouble {
  template <class D>
  TAPEGRAD_LANES_FUNCTION Lanes<D> operator()(Lanes<D> x) const {
    const auto t = x - 1.0;
    return select(x > 0x1p28, log(x) + kLn2, select(x < 1.0, kNaN, log1p(t + sqrt(t * (2.0 + t)))));
  }
};
TAPEGRAD_THROUGH_DOUBLE(acosh, AcoshInDouble)

struct AtanhInDouble {
  template <class D>
  TAPEGRAD_LANES_FUNCTION Lanes<D> operator()(Lanes<D> x) const {
    const auto magnitude = abs(x);
    return copysign(0.5 * log1p(2.0 * magnitude / (1.0 - magnitude)), x);
  }
};
TAPEGRAD_THROUGH_DOUBLE(atanh, AtanhInDouble)

// ---- Powers ----

struct CbrtInDouble {
  template <class D>
  TAPEGRAD_LANES_FUNCTION Lanes<D> operator()(Lanes<D> x) const {
    const auto magnitude = abs(x);
    const auto y =
        exp(log(select(magnitude == 0.0, 1.0, magnitude)) * (1.0 / 3.0));  // log 0 would run into slow subnormals
    const auto newton = y - (y - magnitude / (y * y)) * (1.0 / 3.0);
    return select((magnitude > 0.0) & (magnitude < kInfinity), copysign(newton, x), x);
  }
};
TAPEGRAD_THROUGH_DOUBLE(cbrt, CbrtInDouble)

/// For float operands: the logarithm in double leaves 29 bits to spare.
struct PowInDouble {
  template <class D>
  TAPEGRAD_LANES_FUNCTION Lanes<D> operator()(Lanes<D> x, Lanes<D> y) const {
    const auto magnitude = abs(x);
    const auto power = select(magnitude == 1.0, 1.0, exp(y * log(magnitude)));
    const auto is_integer = round(y) == y;
    const auto is_odd = is_integer & (round(0.5 * y) != 0.5 * y);
    const auto is_negative = copysign(1.0, x) < 0.0;
    const auto defined = is_integer | (x >= 0.0) | (magnitude == kInfinity);
    const auto result = select(defined, select(is_negative & is_odd, -power, power), kNaN);
    return select((y == 0.0) | (x == 1.0), 1.0, select(is_nan(x) | is_nan(y), x + y, result));
  }
};

template <class D>
TAPEGRAD_LANES_FUNCTION Lanes<D> any_power(Lanes<D> x, Lanes<D> y) {
  if constexpr (kIsFloat<D>)
    return in_double(PowInDouble{}, x, y);
  else
    return lane_by_lane(std::pow, x, y);
}

/// Squares, cubes and their slopes are products, wherever they stand; where nothing else does, that is all.
template <class D>
TAPEGRAD_LANES_FUNCTION Lanes<D> pow_lanes(Lanes<D> x, Lanes<D> y) {
  const auto square = x * x;
  const auto product = select(y == 1.0, x, select(y == 2.0, square, square * x));
  const auto is_product = (y == 1.0) | (y == 2.0) | (y == 3.0);
  if (hn::AllTrue(D(), is_product.m)) return product;
  return select(is_product, product, any_power(x, y));
}

}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
