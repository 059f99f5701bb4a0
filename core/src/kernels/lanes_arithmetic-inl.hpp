// What the elementary functions on lanes are made of: polynomials, powers of two, sums and products with what rounding
// took from them, and the ways to compute float lanes in double or lane by lane.

#if defined(TAPEGRAD_KERNELS_LANES_ARITHMETIC_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef TAPEGRAD_KERNELS_LANES_ARITHMETIC_INL_HPP
#undef TAPEGRAD_KERNELS_LANES_ARITHMETIC_INL_HPP
#else
#define TAPEGRAD_KERNELS_LANES_ARITHMETIC_INL_HPP
#endif

#include <limits>

#include "kernels/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {

template <class D>
inline constexpr bool kIsFloat = sizeof(hn::TFromD<D>) == 4;

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();
inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
inline constexpr double kLn2 = 0.693147180559945309417;

/// c0 + x c1 + x^2 c2 ... by Horner's rule.
template <class D>
HWY_INLINE Lanes<D> polynomial(Lanes<D>, double c0) {
  return c0;
}
template <class D, class... C>
HWY_INLINE Lanes<D> polynomial(Lanes<D> x, double c0, C... rest) {
  return mul_add(polynomial(x, rest...), x, Lanes<D>(c0));
}

/// (1 - x) (1 + x): unlike 1 - x^2 it does not cancel near the ends.
template <class D>
HWY_INLINE Lanes<D> one_minus_square(Lanes<D> x) {
  return (1.0 - x) * (1.0 + x);
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

#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
// The instruction that Highway 1.0 has no name for.
HWY_INLINE hn::Vec512<float> scale_at_once(hn::Vec512<float> x, hn::Vec512<float> k) {
  return hn::Vec512<float>{_mm512_scalef_ps(x.raw, k.raw)};
}
HWY_INLINE hn::Vec512<double> scale_at_once(hn::Vec512<double> x, hn::Vec512<double> k) {
  return hn::Vec512<double>{_mm512_scalef_pd(x.raw, k.raw)};
}
#endif

/// The lowest power of two that leaves anything of a number below 2.
template <class D>
inline constexpr double kLeastScale = kIsFloat<D> ? -150.0 : -1075.0;

/// x 2^k for an integer k, rounded once where the result is subnormal or overflows. REQUIRES: 0 <= x < 2, or x is NaN.
template <class D>
HWY_INLINE Lanes<D> scale(Lanes<D> x, Lanes<D> k) {
  // Processors take a hundred times as long over a result that underflows, as a hidden score's exponential would.
  const auto kept = select(k < kLeastScale<D>, 0.0, x);
  if constexpr (requires { scale_at_once(kept.v, k.v); }) {
    return scale_at_once(kept.v, k.v);
  } else {
    const auto half = round_small(k * 0.5);  // two steps, the first exact
    return kept * power_of_two(half) * power_of_two(k - half);
  }
}

// x86's minimum and maximum give the second operand if one is no number.
#define TAPEGRAD_X86_VECTORS (HWY_ARCH_X86 && HWY_TARGET != HWY_EMU128 && HWY_TARGET != HWY_SCALAR)

/// x, or `low` where it is less; NaN stays.
template <class D>
HWY_INLINE Lanes<D> at_least(double low, Lanes<D> x) {
#if TAPEGRAD_X86_VECTORS
  return hn::Max(Lanes<D>(low).v, x.v);
#else
  return select(x < low, low, x);
#endif
}

/// x, or `high` where it is more; NaN stays.
template <class D>
HWY_INLINE Lanes<D> at_most(double high, Lanes<D> x) {
#if TAPEGRAD_X86_VECTORS
  return hn::Min(Lanes<D>(high).v, x.v);
#else
  return select(x > high, high, x);
#endif
}

#undef TAPEGRAD_X86_VECTORS

/// x between low and high; NaN stays.
template <class D>
HWY_INLINE Lanes<D> clamp_keep_nan(Lanes<D> x, double low, double high) {
  return at_most(high, at_least(low, x));
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

/// By a fused multiply-add, or Dekker's product. REQUIRES: nothing overflows or is subnormal on the way.
template <class D>
HWY_INLINE Unrounded<D> exact_product(Lanes<D> a, Lanes<D> b) {
  const auto value = a * b;
#if HWY_NATIVE_FMA
  return {value, mul_add(a, b, -value)};
#else
  const auto a_head = upper_half(a), b_head = upper_half(b);
  const auto a_rest = a - a_head, b_rest = b - b_head;
  return {value, ((a_head * b_head - value) + (a_head * b_rest + a_rest * b_head)) + a_rest * b_rest};
#endif
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

}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
