// Elementary functions on lanes: within 4 units in the last place of the exact value over the whole domain of float and
// double, with signed zeros, subnormal results, infinities and NaN as in C's <math.h> (tests/kernels/lanes.cpp measures
// each on every target; docs/accuracy.md is what tests/mpfr measured through the ops).
//
// The hot ones (exp, log, tanh, sigmoid, erf ...) have a float and a double form. The others compute float lanes in
// double, and a few (lgamma, pow of double, sin of huge arguments) ask libm lane by lane. Polynomials are Chebyshev
// fits printed by lanes_coefficients.py; arguments are reduced after Cody and Waite, Software Manual for the Elementary
// Functions (1980).

#if defined(TAPEGRAD_KERNELS_LANES_MATH_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef TAPEGRAD_KERNELS_LANES_MATH_INL_HPP
#undef TAPEGRAD_KERNELS_LANES_MATH_INL_HPP
#else
#define TAPEGRAD_KERNELS_LANES_MATH_INL_HPP
#endif

#include <cmath>
#include <limits>

#include <hwy/contrib/math/math-inl.h>
#include "kernels/gamma.hpp"
#include "kernels/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {

template <class D>
inline constexpr bool kIsFloat = sizeof(hn::TFromD<D>) == 4;

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();
inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
inline constexpr double kLn2 = 0.693147180559945309417;

// ---- Tools ----

/// c0 + x c1 + x^2 c2 ... by Horner's rule.
template <class D>
HWY_INLINE Lanes<D> polynomial(Lanes<D>, double c0) {
  return c0;
}
template <class D, class... C>
HWY_INLINE Lanes<D> polynomial(Lanes<D> x, double c0, C... rest) {
  return mul_add(polynomial(x, rest...), x, Lanes<D>(c0));
}

/// Adding this to a number below 2^(mantissa bits - 1) rounds it to an integer, half to even, which then fills the low
/// mantissa bits.
template <class D>
inline constexpr double kRounder = kIsFloat<D> ? 0x1.8p23 : 0x1.8p52;

template <class D>
HWY_INLINE Lanes<D> round_small(Lanes<D> x) {
  return (x + kRounder<D>)-kRounder<D>;
}

/// 2^k for an integer k in the normal range of exponents.
template <class D>
HWY_INLINE Lanes<D> power_of_two(Lanes<D> k) {
  constexpr int kMantissa = kIsFloat<D> ? 23 : 52;
  constexpr double kBias = kIsFloat<D> ? 127 : 1023;
  const hn::RebindToUnsigned<D> bits;
  return hn::BitCast(D(), hn::ShiftLeft<kMantissa>(hn::BitCast(bits, (k + (kRounder<D> + kBias)).v)));
}

/// x 2^k in two exact-or-last steps, so that subnormal and overflowing results are rounded once.
template <class D>
HWY_INLINE Lanes<D> scale(Lanes<D> x, Lanes<D> k) {
  const auto half = round_small(k * 0.5);
  return x * power_of_two(half) * power_of_two(k - half);
}

/// x between low and high; NaN stays.
template <class D>
HWY_INLINE Lanes<D> clamp_keep_nan(Lanes<D> x, double low, double high) {
  return select(x < low, low, select(x > high, high, x));
}

/// A number, and what rounding took from it: the exact one is their sum.
template <class D>
struct Unrounded {
  Lanes<D> value, lost;
};

/// Knuth's two-sum.
template <class D>
HWY_INLINE Unrounded<D> exact_difference(Lanes<D> a, Lanes<D> b) {
  const auto value = a - b;
  const auto b_part = a - value;
  const auto a_part = value + b_part;
  return {value, (a - a_part) - (b - b_part)};
}

/// x without the lower half of its mantissa.
template <class D>
HWY_INLINE Lanes<D> upper_half(Lanes<D> x) {
  const hn::RebindToUnsigned<D> bits;
  using U = hn::TFromD<decltype(bits)>;
  return hn::BitCast(D(),
                     hn::And(hn::BitCast(bits, x.v), hn::Set(bits, static_cast<U>(~U{0} << (kIsFloat<D> ? 12 : 27)))));
}

/// Dekker's product. REQUIRES: nothing overflows or is subnormal on the way.
template <class D>
HWY_INLINE Unrounded<D> exact_product(Lanes<D> a, Lanes<D> b) {
  const auto value = a * b;
  const auto a_head = upper_half(a), b_head = upper_half(b);
  const auto a_rest = a - a_head, b_rest = b - b_head;
  return {value, ((a_head * b_head - value) + (a_head * b_rest + a_rest * b_head)) + a_rest * b_rest};
}

/// Calls a libm function for each lane.
template <class D>
HWY_NOINLINE Lanes<D> lane_by_lane(double (*function)(double), Lanes<D> x) {
  HWY_ALIGN hn::TFromD<D> lanes[kLanes<D>];
  hn::Store(x.v, D(), lanes);
  for (auto& lane : lanes) lane = static_cast<hn::TFromD<D>>(function(lane));
  return hn::Load(D(), lanes);
}
template <class D>
HWY_NOINLINE Lanes<D> lane_by_lane(double (*function)(double, double), Lanes<D> a, Lanes<D> b) {
  HWY_ALIGN hn::TFromD<D> lanes[kLanes<D>], other[kLanes<D>];
  hn::Store(a.v, D(), lanes);
  hn::Store(b.v, D(), other);
  for (std::size_t k = 0; k < hn::Lanes(D()); ++k) lanes[k] = static_cast<hn::TFromD<D>>(function(lanes[k], other[k]));
  return hn::Load(D(), lanes);
}

/// f of float lanes, computed in double: half a vector at a time.
template <class F, class D, class... More>
HWY_INLINE Lanes<D> in_double(const F& f, Lanes<D> x, More... more) {
#if HWY_TARGET == HWY_SCALAR
  const hn::Rebind<double, D> wide;
  const auto y =
      f(Lanes<decltype(wide)>(hn::PromoteTo(wide, x.v)), Lanes<decltype(wide)>(hn::PromoteTo(wide, more.v))...);
  return hn::Set(D(), static_cast<float>(hn::GetLane(y.v)));  // DemoteTo would saturate where infinity is due
#else
  const hn::Half<D> half;
  const hn::Rebind<double, hn::Half<D>> wide;
  using Wide = Lanes<hn::Rebind<double, hn::Half<D>>>;
  const auto low =
      f(Wide(hn::PromoteTo(wide, hn::LowerHalf(half, x.v))), Wide(hn::PromoteTo(wide, hn::LowerHalf(half, more.v)))...);
  const auto high =
      f(Wide(hn::PromoteTo(wide, hn::UpperHalf(half, x.v))), Wide(hn::PromoteTo(wide, hn::UpperHalf(half, more.v)))...);
#if HWY_TARGET == HWY_EMU128
  HWY_ALIGN double lanes[kLanes<D>];  // DemoteTo would saturate where infinity is due
  HWY_ALIGN float narrow[kLanes<D>];
  hn::Store(low.v, wide, lanes);
  hn::Store(high.v, wide, lanes + hn::Lanes(wide));
  for (std::size_t k = 0; k < hn::Lanes(D()); ++k) narrow[k] = static_cast<float>(lanes[k]);
  return hn::Load(D(), narrow);
#else
  return hn::Combine(D(), hn::DemoteTo(half, high.v), hn::DemoteTo(half, low.v));
#endif
#endif
}

/// Defines name(x): `Double` applied in double for float lanes, directly for double lanes.
#undef TAPEGRAD_THROUGH_DOUBLE
#define TAPEGRAD_THROUGH_DOUBLE(name, Double) \
  template <class D>                          \
  HWY_INLINE Lanes<D> name(Lanes<D> x) {      \
    if constexpr (kIsFloat<D>)                \
      return in_double(Double{}, x);          \
    else                                      \
      return Double{}(x);                     \
  }

// ---- Exponentials ----

/// x = k ln 2 + r with |r| <= ln 2 / 2.
template <class D>
struct ReducedExp {
  Lanes<D> k, r;
};

template <class D>
HWY_INLINE ReducedExp<D> reduce_exp(Lanes<D> x) {
  const auto k = round_small(x * (1.0 / kLn2));
  // ln 2 in two parts: k times the first is exact without fused multiply-add.
  const auto r = kIsFloat<D>
                     ? mul_add(k, Lanes<D>(-1.4286068203094172e-6), mul_add(k, Lanes<D>(-0.693145751953125), x))
                     : mul_add(k, Lanes<D>(-5.4979230187083712e-14), mul_add(k, Lanes<D>(-0.69314718055989033019), x));
  return {k, r};
}

/// e^r - 1 for |r| <= ln 2 / 2.
template <class D>
HWY_INLINE Lanes<D> expm1_reduced(Lanes<D> r) {
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

/// e^(x + low), for a low part of the exponent that is lost in x's last place.
template <class D>
HWY_INLINE ScaledExp<D> exp_of(Lanes<D> x, Lanes<D> low) {
  const auto [k, r] = reduce_exp(clamp_keep_nan(x, kLowestExponent<D>, kIsFloat<D> ? 90.0 : 711.0));
  return {k, expm1_reduced(r + low)};
}

/// e^x 2^shift; a shift keeps e^x / 2 finite where e^x is not.
template <class D>
HWY_INLINE Lanes<D> exp_shifted(Lanes<D> x, double shift) {
  const auto [k, p] = exp_of(x, Lanes<D>(0.0));
  return scale(1.0 + p, k + shift);
}

template <class D>
HWY_INLINE Lanes<D> exp(Lanes<D> x) {
  return exp_shifted(x, 0.0);
}

template <class D>
HWY_INLINE Lanes<D> exp2(Lanes<D> x) {
  const auto bounded = kIsFloat<D> ? clamp_keep_nan(x, -152.0, 129.0) : clamp_keep_nan(x, -1080.0, 1025.0);
  const auto k = round_small(bounded);
  return scale(1.0 + expm1_reduced((bounded - k) * kLn2), k);
}

template <class D>
HWY_INLINE Lanes<D> expm1(Lanes<D> x) {
  const auto [k, r] = reduce_exp(kIsFloat<D> ? clamp_keep_nan(x, -20.0, 88.73) : clamp_keep_nan(x, -40.0, 709.79));
  const auto p = expm1_reduced(r);
  const auto half_scale = power_of_two(k - 1.0);  // 2^k may be beyond the largest number
  const auto y = 2.0 * mul_add(p, half_scale, half_scale - 0.5);
  return copysign(select(k == 0.0, p, y), x);
}

/// 1 / (1 + e^-x), from e^-|x| alone: nothing overflows.
template <class D>
HWY_INLINE Lanes<D> sigmoid(Lanes<D> x) {
  const auto e = exp(-abs(x));
  return select(x < 0.0, e, 1.0) / (1.0 + e);
}

/// sigmoid(x) sigmoid(-x), the slope of the sigmoid: a tail as long as that of e^-|x|.
template <class D>
HWY_INLINE Lanes<D> logistic_density(Lanes<D> x) {
  const auto e = exp(-abs(x));
  const auto d = 1.0 + e;
  return e / (d * d);
}

/// A factor that would underflow is shifted up by this power of two, and the product down again.
inline constexpr double kTailShift = 64, kTailUnit = 0x1p-64;

/// a sigmoid(x + lost), where sigmoid(x) alone would be subnormal or zero too; 0 where it is zero, whatever a is.
template <class D>
HWY_INLINE Lanes<D> times_sigmoid(Lanes<D> a, Unrounded<D> x) {
  const auto magnitude = abs(x.value);
  const auto [k, p] = exp_of(-magnitude, select(x.value < 0.0, x.lost, -x.lost));
  const auto e = scale(1.0 + p, k + kTailShift);
  const auto one_and_e = mul_add(e, Lanes<D>(kTailUnit), Lanes<D>(1.0));
  const auto tail = select(e == 0.0, copysign(0.0, a), a * e / one_and_e * kTailUnit);
  return select(x.value < 0.0, tail, a / one_and_e);
}
template <class D>
HWY_INLINE Lanes<D> times_sigmoid(Lanes<D> a, Lanes<D> x) {
  return times_sigmoid(a, Unrounded<D>{x, 0.0});
}

template <class D>
HWY_INLINE Unrounded<D> operator-(Unrounded<D> x) {
  return {-x.value, -x.lost};
}

/// 2 sqrt(2 / pi) (x + 0.044715 x^3), the argument of GELU's tanh form, to twice the precision: its rounding error
/// would be magnified up to 700 times in the tail.
template <class D>
HWY_INLINE Unrounded<D> gelu_argument(Lanes<D> x) {
  constexpr double kLinear = 1.5957691216057308, kCubic = 0.07135481627260025;
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
HWY_INLINE Lanes<D> tanh(Lanes<D> x) {
  const double saturated = kIsFloat<D> ? 10.0 : 22.0;  // tanh rounds to 1 from here on
  const auto magnitude = abs(x);
  const auto t = expm1(2.0 * select(magnitude > saturated, saturated, magnitude));
  return copysign(t / (t + 2.0), x);
}

struct SinhInDouble {
  template <class D>
  HWY_INLINE Lanes<D> operator()(Lanes<D> x) const {
    const auto magnitude = abs(x);
    const auto t = expm1(select(magnitude > 1.0, 1.0, magnitude));
    const auto e = exp_shifted(magnitude, -1.0);
    return copysign(select(magnitude <= 1.0, 0.5 * (t + t / (t + 1.0)), e - 0.25 / e), x);
  }
};
TAPEGRAD_THROUGH_DOUBLE(sinh, SinhInDouble)

struct CoshInDouble {
  template <class D>
  HWY_INLINE Lanes<D> operator()(Lanes<D> x) const {
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
HWY_INLINE LogParts<D> split_log(Lanes<D> x) {
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
HWY_INLINE Lanes<D> log_of_parts(Lanes<D> k, Lanes<D> f, Lanes<D> correction) {
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
HWY_INLINE Lanes<D> with_log_limits(Lanes<D> x, Lanes<D> y) {
  const auto beyond = select(x == 0.0, -kInfinity, select(x < 0.0, kNaN, x));
  return select((x > 0.0) & (x < kInfinity), y, beyond);
}

template <class D>
HWY_INLINE Lanes<D> log(Lanes<D> x) {
  const auto [k, f] = split_log(x);
  return with_log_limits(x, log_of_parts(k, f, Lanes<D>(0.0)));
}

/// Exact at powers of two.
template <class D>
HWY_INLINE Lanes<D> log2(Lanes<D> x) {
  const auto [k, f] = split_log(x);
  return with_log_limits(x, mul_add(log_of_parts(Lanes<D>(0.0), f, Lanes<D>(0.0)), Lanes<D>(1.0 / kLn2), k));
}

template <class D>
HWY_INLINE Lanes<D> log10(Lanes<D> x) {
  return log(x) * 0.434294481903251827651;
}

template <class D>
HWY_INLINE Lanes<D> log1p(Lanes<D> x) {
  const auto u = 1.0 + x;
  const auto [k, f] = split_log(u);
  const auto lost = select(x < 1.0, x - (u - 1.0), 1.0 - (u - x));  // what rounding took from 1 + x
  const auto y = log_of_parts(k, f, lost / u);
  return select(x == 0.0, x, with_log_limits(u, y));
}

struct AsinhInDouble {
  template <class D>
  HWY_INLINE Lanes<D> operator()(Lanes<D> x) const {
    const auto magnitude = abs(x);
    const auto bounded = select(magnitude > 0x1p28, 1.0, magnitude);
    const auto small = log1p(bounded + bounded * bounded / (1.0 + sqrt(1.0 + bounded * bounded)));
    return copysign(select(magnitude > 0x1p28, log(magnitude) + kLn2, small), x);
  }
};
TAPEGRAD_THROUGH_DOUBLE(asinh, AsinhInDouble)

struct AcoshInDouble {
  template <class D>
  HWY_INLINE Lanes<D> operator()(Lanes<D> x) const {
    const auto t = x - 1.0;
    return select(x > 0x1p28, log(x) + kLn2, select(x < 1.0, kNaN, log1p(t + sqrt(t * (2.0 + t)))));
  }
};
TAPEGRAD_THROUGH_DOUBLE(acosh, AcoshInDouble)

struct AtanhInDouble {
  template <class D>
  HWY_INLINE Lanes<D> operator()(Lanes<D> x) const {
    const auto magnitude = abs(x);
    return copysign(0.5 * log1p(2.0 * magnitude / (1.0 - magnitude)), x);
  }
};
TAPEGRAD_THROUGH_DOUBLE(atanh, AtanhInDouble)

// ---- Powers ----

struct CbrtInDouble {
  template <class D>
  HWY_INLINE Lanes<D> operator()(Lanes<D> x) const {
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
  HWY_INLINE Lanes<D> operator()(Lanes<D> x, Lanes<D> y) const {
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
HWY_INLINE Lanes<D> pow_lanes(Lanes<D> x, Lanes<D> y) {
  if constexpr (kIsFloat<D>)
    return in_double(PowInDouble{}, x, y);
  else
    return lane_by_lane(std::pow, x, y);
}

// ---- Trigonometry ----

/// x = quadrant pi/2 + high + low with |high| <= pi/4.
template <class D>
struct ReducedAngle {
  Lanes<D> high, low;
  hn::Vec<hn::RebindToUnsigned<D>> quadrant;  // in the low bits
};

/// Beyond this the quadrant no longer fits the 20 bits that make its products with the parts of pi/2 exact.
inline constexpr double kLargestAngle = 0x1p20;

/// REQUIRES: |x| <= kLargestAngle; D is of double.
template <class D>
HWY_INLINE ReducedAngle<D> reduce_angle(Lanes<D> x) {
  const auto shifted = mul_add(x, Lanes<D>(0.636619772367581343076), Lanes<D>(kRounder<D>));
  const auto q = shifted - kRounder<D>;
  // pi/2 in three parts of 33 bits and a rest: even the double nearest to a multiple of pi/2 keeps all its bits.
  const auto first = x - q * 1.57079632673412561417;
  const auto second = exact_difference(first, q * 6.0771005063039659766e-11);
  const auto third = exact_difference(second.value, q * 2.0222662487111664558e-21);
  const auto rest = (second.lost + third.lost) - q * 8.47842766036889964396e-32;
  const auto high = third.value + rest;
  const hn::RebindToUnsigned<D> bits;
  return {high, (third.value - high) + rest, hn::BitCast(bits, shifted.v)};
}

/// sin(high + low) and cos(high + low) for |high| <= pi/4 (with the low part carried as in fdlibm's k_sin.c and
/// k_cos.c).
template <class D>
HWY_INLINE Lanes<D> sin_reduced(Lanes<D> high, Lanes<D> low) {
  const auto z = high * high;
  const auto cube = z * high;
  const auto tail = polynomial(z, 0.00833333333333333149, -0.000198412698412650626, 2.75573192193373103e-6,
                               -2.50521062318028379e-8, 1.60585315167977592e-10, -7.58669109419795836e-13);
  return high - ((z * (0.5 * low - cube * tail) - low) - cube * -0.166666666666666667);
}
template <class D>
HWY_INLINE Lanes<D> cos_reduced(Lanes<D> high, Lanes<D> low) {
  const auto z = high * high;
  const auto half = 0.5 * z;
  const auto w = 1.0 - half;
  const auto tail =
      polynomial(z, 0.0416666666666666667, -0.00138888888888888879, 0.0000248015873015846451, -2.75573192214017924e-7,
                 2.08767557907219636e-9, -1.14704608307953041e-11, 4.7458685530816658e-14);
  return w + (((1.0 - w) - half) + (z * z * tail - high * low));
}

/// Whether bit 0 of each quadrant is set: sine and cosine change places.
template <class D>
HWY_INLINE typename Lanes<D>::Mask is_odd_quadrant(hn::Vec<hn::RebindToUnsigned<D>> quadrant) {
  const hn::RebindToUnsigned<D> bits;
  return {hn::RebindMask(D(), hn::TestBit(quadrant, hn::Set(bits, 1)))};
}
/// x, negated where bit 1 of the quadrant is set.
template <class D>
HWY_INLINE Lanes<D> negate_by_quadrant(Lanes<D> x, hn::Vec<hn::RebindToUnsigned<D>> quadrant) {
  const hn::RebindToUnsigned<D> bits;
  const auto sign = hn::ShiftLeft<62>(hn::And(quadrant, hn::Set(bits, 2)));
  return hn::BitCast(D(), hn::Xor(hn::BitCast(bits, x.v), sign));
}

/// Gives y, or libm's answer for a vector with a lane outside the range of reduce_angle.
template <class D>
HWY_INLINE Lanes<D> or_libm(Lanes<D> x, Lanes<D> y, double (*function)(double)) {
  const auto in_range = abs(x) <= kLargestAngle;
  if (HWY_LIKELY(hn::AllTrue(D(), in_range.m))) return y;
  return select(in_range, y, lane_by_lane(function, x));
}

// glibc's functions of double are up to 14 units off where a huge argument lies next to a zero or a pole.
inline double sin_lane(double x) { return static_cast<double>(std::sin(static_cast<long double>(x))); }
inline double cos_lane(double x) { return static_cast<double>(std::cos(static_cast<long double>(x))); }
inline double tan_lane(double x) { return static_cast<double>(std::tan(static_cast<long double>(x))); }

struct SinInDouble {
  template <class D>
  HWY_INLINE Lanes<D> operator()(Lanes<D> x) const {
    const auto [high, low, quadrant] = reduce_angle(x);
    const auto y = select(is_odd_quadrant<D>(quadrant), cos_reduced(high, low), sin_reduced(high, low));
    return or_libm(x, select(x == 0.0, x, negate_by_quadrant(y, quadrant)), sin_lane);
  }
};
TAPEGRAD_THROUGH_DOUBLE(sin, SinInDouble)

struct CosInDouble {
  template <class D>
  HWY_INLINE Lanes<D> operator()(Lanes<D> x) const {
    const auto [high, low, quadrant] = reduce_angle(x);
    const auto y = select(is_odd_quadrant<D>(quadrant), sin_reduced(high, low), cos_reduced(high, low));
    const hn::RebindToUnsigned<D> bits;
    return or_libm(x, negate_by_quadrant(y, hn::Add(quadrant, hn::Set(bits, 1))), cos_lane);
  }
};
TAPEGRAD_THROUGH_DOUBLE(cos, CosInDouble)

struct TanInDouble {
  template <class D>
  HWY_INLINE Lanes<D> operator()(Lanes<D> x) const {
    const auto [high, low, quadrant] = reduce_angle(x);
    const auto s = sin_reduced(high, low), c = cos_reduced(high, low);
    const auto odd = is_odd_quadrant<D>(quadrant);
    const auto y = select(odd, -c, s) / select(odd, s, c);
    return or_libm(x, select(x == 0.0, x, y), tan_lane);
  }
};
TAPEGRAD_THROUGH_DOUBLE(tan, TanInDouble)

template <class D>
HWY_INLINE Lanes<D> asin(Lanes<D> x) {
  return hn::Asin(D(), x.v);
}
template <class D>
HWY_INLINE Lanes<D> acos(Lanes<D> x) {
  return hn::Acos(D(), x.v);
}
template <class D>
HWY_INLINE Lanes<D> atan(Lanes<D> x) {
  return hn::Atan(D(), x.v);
}

struct Atan2InDouble {
  template <class D>
  HWY_INLINE Lanes<D> operator()(Lanes<D> y, Lanes<D> x) const {
    const auto ay = abs(y), ax = abs(x);
    const auto steep = ay > ax;
    const auto longer = select(steep, ay, ax), shorter = select(steep, ax, ay);
    const auto ratio = select(longer == 0.0, 0.0, select(shorter == kInfinity, 1.0, shorter / longer));
    const auto first_octant = atan(ratio);
    const auto half_plane =
        select(steep, (1.57079632679489661923 - first_octant) + 6.123233995736766e-17, first_octant);
    const auto plane =
        select(copysign(1.0, x) < 0.0, (3.14159265358979323846 - half_plane) + 1.2246467991473532e-16, half_plane);
    return select(is_nan(x) | is_nan(y), x + y, copysign(plane, y));
  }
};
template <class D>
HWY_INLINE Lanes<D> atan2_lanes(Lanes<D> y, Lanes<D> x) {
  if constexpr (kIsFloat<D>)
    return in_double(Atan2InDouble{}, y, x);
  else
    return Atan2InDouble{}(y, x);
}

// ---- Error function and gamma ----

/// -factor x^2. REQUIRES: factor is a power of two.
template <class D>
HWY_INLINE Unrounded<D> minus_square(Lanes<D> x, double factor) {
  const auto [value, lost] = exact_product(x, x);
  return {-factor * value, -factor * lost};
}

/// e^(-factor x^2): the square's rounding error would be magnified up to 700 times. REQUIRES: factor is a power of two.
template <class D>
HWY_INLINE ScaledExp<D> gaussian(Lanes<D> x, double factor) {
  const auto [value, lost] = minus_square(x, factor);
  return exp_of(value, lost);
}

/// e^(-x^2)
template <class D>
HWY_INLINE Lanes<D> exp_minus_square(Lanes<D> x) {
  const auto [k, p] = gaussian(clamp_keep_nan(abs(x), 0.0, kIsFloat<D> ? 11.0 : 28.0), 1.0);
  return scale(1.0 + p, k);
}

/// erfc(x) for x >= 1/2, given e = e^(-x^2) and scaled by 2^shift: e g(t) / (1 + 2x) with t = (x - 4) / (x + 4), a form
/// after Shepherd and Laframboise, Chebyshev Approximation of (1 + 2x) exp(x^2) erfc x in 0 <= x < infinity, Math.
/// Comp. 36 (1981). Ten terms are enough in float32, where t runs over [-0.78, 0.44] only.
template <class D>
HWY_INLINE Lanes<D> erfc_tail(Lanes<D> x, ScaledExp<D> e, double shift) {
  const auto t = (x - 4.0) / (x + 4.0);
  const auto g =
      kIsFloat<D>
          ? polynomial(t, 1.2329951189, -0.139621109271, 0.0153796433876, 0.0680960750068, -0.101039957333,
                       0.0937545924557, -0.0663015939703, 0.037012504712, -0.0164616292756, 0.00534519922002)
          : polynomial(t, 1.23299511862555251, -0.139621116840562536, 0.0153796521026192249, 0.0680970542546952251,
                       -0.101039066036266467, 0.0937328349982659365, -0.0663303658132932785, 0.0371675155386618135,
                       -0.0161977340421780707, 0.00503196997010599976, -0.000757773420790685126,
                       -0.000199256675818787602, 0.000150622374581245473, -0.0000243991420363945582,
                       -0.0000112244108364896126, 5.70905692931605542e-6, 2.99041547074776737e-7,
                       -8.23216528884833113e-7, 6.74825927448033512e-8, 1.06258089029101358e-7, -1.23963425152182329e-8,
                       -1.06928320854503353e-8);
  return scale(mul_add(e.p, g, g) / (1.0 + 2.0 * x), e.k + shift);
}

/// erf(x) for |x| <= 1.
template <class D>
HWY_INLINE Lanes<D> erf_small(Lanes<D> x) {
  const auto z = x * x;
  const auto ratio =
      kIsFloat<D>
          ? polynomial(z, 0.128379165848350946, -0.37612626666720331, 0.112835947151602177, -0.0268542120106264124,
                       0.00518908742343397399, -0.000801686428716586953, 0.0000787587506268548834)
          : polynomial(z, 0.128379167095512574, -0.376126389031837524, 0.112837916709551202, -0.0268661706451298408,
                       0.00522397762542329831, -0.00085483270219348296, 0.000120553329028887354,
                       -0.0000149256475675193321, 1.64620454414684189e-6, -1.63646421581676153e-7,
                       1.4792401209404813e-8, -1.21645600572834501e-9, 8.70904512905310669e-11,
                       -4.23094582429533782e-12);
  return mul_add(x, ratio, x);
}

template <class D>
HWY_INLINE Lanes<D> erf(Lanes<D> x) {
  const auto magnitude = abs(x);
  const auto small = magnitude <= 1.0;
  if constexpr (kIsFloat<D>) {
    const auto bounded = clamp_keep_nan(magnitude, 1.0, 4.0);  // erf rounds to 1 from 3.92 on
    const auto log_erfc = polynomial(bounded - 2.5, -7.80681527272726436, -5.35268067422448718, -0.943893703610650721,
                                     -0.0108585416428968249, 0.00216530354916251969, -0.000420122523541289456,
                                     0.0000772913761538461934, -0.0000133150143973169079, 1.63715141459364356e-6);
    return select(small, erf_small(x), copysign(1.0 - exp(log_erfc), x));
  } else {
    const auto bounded = clamp_keep_nan(magnitude, 1.0, 6.5);
    return select(small, erf_small(x), copysign(1.0 - erfc_tail(bounded, gaussian(bounded, 1.0), 0.0), x));
  }
}

template <class D>
HWY_INLINE Lanes<D> erfc(Lanes<D> x) {
  const auto magnitude = abs(x);
  // Below half the least subnormal number from 10.1 and 27.25 on.
  const auto bounded = clamp_keep_nan(magnitude, 0.5, kIsFloat<D> ? 10.1 : 27.25);
  const auto tail = erfc_tail(bounded, gaussian(bounded, 1.0), 0.0);
  const auto small = 1.0 - erf_small(select(magnitude <= 0.5, x, 0.0));
  return select(magnitude <= 0.5, small, select(x < 0.0, 2.0 - tail, tail));
}

/// From here on a normal distribution's tail is zero even times x.
template <class D>
inline constexpr double kNormalTailEnd = kIsFloat<D> ? 15.0 : 38.75;

/// a Phi(x), Phi the standard normal distribution, where Phi(x) alone would be subnormal or zero too; 0 where it is
/// zero, whatever a is.
template <class D>
HWY_INLINE Lanes<D> times_normal_cdf(Lanes<D> a, Lanes<D> x) {
  const auto magnitude = abs(x);
  const auto bounded = clamp_keep_nan(magnitude, 0.70710678118654752440, kNormalTailEnd<D>);
  const auto tail = 0.5 * erfc_tail(bounded * 0.70710678118654752440, gaussian(bounded, 0.5), kTailShift);
  const auto central = magnitude <= 0.70710678118654752440;
  const auto small = 0.5 + 0.5 * erf_small(select(central, x, 0.0) * 0.70710678118654752440);
  const auto left = select(magnitude < kNormalTailEnd<D>, a * tail * kTailUnit, copysign(0.0, a));
  const auto outer = select(x < 0.0, left, a * (1.0 - tail * kTailUnit));
  return select(central, a * small, select(is_nan(x), x, outer));
}

/// a e^(-x^2/2) / sqrt(2 pi), with the same care for the tail.
template <class D>
HWY_INLINE Lanes<D> times_normal_density(Lanes<D> a, Lanes<D> x) {
  const auto magnitude = abs(x);
  const auto [k, p] = gaussian(clamp_keep_nan(magnitude, 0.0, kNormalTailEnd<D>), 0.5);
  const auto density = 0.39894228040143267794 * scale(1.0 + p, k + kTailShift);
  return select(magnitude >= kNormalTailEnd<D>, copysign(0.0, a), a * density * kTailUnit);
}

/// libm's lgamma, but for its zeros between the poles, where glibc's double version is more than 4 units off.
inline double lgamma_lane(double x) {
  return x < -2.0 ? static_cast<double>(std::lgamma(static_cast<long double>(x))) : std::lgamma(x);
}

struct LgammaInDouble {
  template <class D>
  HWY_INLINE Lanes<D> operator()(Lanes<D> x) const {
    return lane_by_lane(lgamma_lane, x);
  }
};
TAPEGRAD_THROUGH_DOUBLE(lgamma, LgammaInDouble)

struct DigammaInDouble {
  template <class D>
  HWY_INLINE Lanes<D> operator()(Lanes<D> x) const {
    return lane_by_lane(kernels::digamma, x);
  }
};
TAPEGRAD_THROUGH_DOUBLE(digamma, DigammaInDouble)

inline double polygamma_lane(double order, double x) { return kernels::polygamma(static_cast<int>(order), x); }

struct PolygammaInDouble {
  template <class D>
  HWY_INLINE Lanes<D> operator()(Lanes<D> order, Lanes<D> x) const {
    return lane_by_lane(polygamma_lane, order, x);
  }
};

/// REQUIRES: order >= 1.
template <class D>
HWY_INLINE Lanes<D> polygamma(int order, Lanes<D> x) {
  if constexpr (kIsFloat<D>)
    return in_double(PolygammaInDouble{}, Lanes<D>(order), x);
  else
    return PolygammaInDouble{}(Lanes<D>(order), x);
}

#undef TAPEGRAD_THROUGH_DOUBLE

}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
