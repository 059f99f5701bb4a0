// Lanes: a SIMD vector of float or double with the spelling of a number, so that one formula runs on lanes and on
// tensors.
//
// Included once per Highway target, like every -inl file. The vocabulary is closed and branch-free: + - * /,
// comparisons that give a mask, select(mask, a, b), and the functions here and in lanes_math-inl.hpp. Numbers mix with
// lanes: max(x, 0.0), 1.0 + y * y. Lanes alone have min, max, copysign, mul_add, is_nan and the operators of masks: no
// slope may use them (docs/design.md, "An op").

#if defined(TAPEGRAD_KERNELS_LANES_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef TAPEGRAD_KERNELS_LANES_INL_HPP
#undef TAPEGRAD_KERNELS_LANES_INL_HPP
#else
#define TAPEGRAD_KERNELS_LANES_INL_HPP
#endif

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // g++ 12's AVX-512 headers: _mm512_undefined_ps() and its like
#endif

#include <hwy/highway.h>

// A function of lanes, within its callers; but not where vectors are emulated: there each addition is a loop, and a
// kernel of five exponentials is a function that takes compilers minutes under sanitizers.
#undef TAPEGRAD_LANES_FUNCTION
#if HWY_TARGET == HWY_EMU128
#define TAPEGRAD_LANES_FUNCTION HWY_NOINLINE
#else
#define TAPEGRAD_LANES_FUNCTION HWY_INLINE
#endif

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// The number of lanes of descriptor D.
template <class D>
inline constexpr std::size_t kLanes = hn::MaxLanes(D());

/// One vector of descriptor D. Also the truth of a comparison, lane by lane: Lanes<D>::Mask.
template <class D>
struct Lanes {
  using T = hn::TFromD<D>;
  using V = hn::Vec<D>;

  struct Mask {
    hn::Mask<D> m;
    friend HWY_INLINE Mask operator&(Mask a, Mask b) { return {hn::And(a.m, b.m)}; }
    friend HWY_INLINE Mask operator|(Mask a, Mask b) { return {hn::Or(a.m, b.m)}; }
    friend HWY_INLINE Mask operator!(Mask a) { return {hn::Not(a.m)}; }
  };

  V v;

  HWY_INLINE Lanes(V vector) : v(vector) {}
  HWY_INLINE Lanes(double number) : v(hn::Set(D(), static_cast<T>(number))) {}

  friend HWY_INLINE Lanes operator+(Lanes a, Lanes b) { return hn::Add(a.v, b.v); }
  friend HWY_INLINE Lanes operator-(Lanes a, Lanes b) { return hn::Sub(a.v, b.v); }
  friend HWY_INLINE Lanes operator*(Lanes a, Lanes b) { return hn::Mul(a.v, b.v); }
  friend HWY_INLINE Lanes operator/(Lanes a, Lanes b) { return hn::Div(a.v, b.v); }
  friend HWY_INLINE Lanes operator-(Lanes a) { return hn::Neg(a.v); }
  /// a * b + c, rounded once where the target has fused multiply-add.
  friend HWY_INLINE Lanes mul_add(Lanes a, Lanes b, Lanes c) { return hn::MulAdd(a.v, b.v, c.v); }

  friend HWY_INLINE Mask operator<(Lanes a, Lanes b) { return {hn::Lt(a.v, b.v)}; }
  friend HWY_INLINE Mask operator<=(Lanes a, Lanes b) { return {hn::Le(a.v, b.v)}; }
  friend HWY_INLINE Mask operator>(Lanes a, Lanes b) { return {hn::Gt(a.v, b.v)}; }
  friend HWY_INLINE Mask operator>=(Lanes a, Lanes b) { return {hn::Ge(a.v, b.v)}; }
  friend HWY_INLINE Mask operator==(Lanes a, Lanes b) { return {hn::Eq(a.v, b.v)}; }
  friend HWY_INLINE Mask operator!=(Lanes a, Lanes b) { return !(a == b); }  // hn::Ne denies NaN != NaN
  friend HWY_INLINE Mask is_nan(Lanes a) { return {hn::IsNaN(a.v)}; }
  /// mask ? a : b
  friend HWY_INLINE Lanes select(Mask mask, Lanes a, Lanes b) { return hn::IfThenElse(mask.m, a.v, b.v); }

  /// The smaller one; NaN if either is NaN.
  friend HWY_INLINE Lanes min(Lanes a, Lanes b) { return select((b < a) | is_nan(b), b, a); }
  /// The larger one; NaN if either is NaN.
  friend HWY_INLINE Lanes max(Lanes a, Lanes b) { return select((a < b) | is_nan(b), b, a); }
  friend HWY_INLINE Lanes abs(Lanes a) { return hn::Abs(a.v); }
  friend HWY_INLINE Lanes copysign(Lanes magnitude, Lanes sign) { return hn::CopySign(magnitude.v, sign.v); }
  /// -1, 1, or a itself when it is zero or NaN.
  friend HWY_INLINE Lanes sign(Lanes a) { return select(a > 0.0, 1.0, select(a < 0.0, -1.0, a)); }
  friend HWY_INLINE Lanes sqrt(Lanes a) { return hn::Sqrt(a.v); }
  /// 1 / sqrt(a), both correctly rounded: no approximate instruction, whose bits differ between machines.
  friend HWY_INLINE Lanes rsqrt(Lanes a) { return 1.0 / sqrt(a); }
  friend HWY_INLINE Lanes square(Lanes a) { return a * a; }
  // Highway's scalar target loses the sign of a zero result, hence copysign.
  friend HWY_INLINE Lanes floor(Lanes a) { return copysign(hn::Floor(a.v), a); }
  friend HWY_INLINE Lanes ceil(Lanes a) { return copysign(hn::Ceil(a.v), a); }
  /// Half to even.
  friend HWY_INLINE Lanes round(Lanes a) { return copysign(hn::Round(a.v), a); }
  friend HWY_INLINE Lanes pow(Lanes base, Lanes exponent) { return pow_lanes(base, exponent); }
  friend HWY_INLINE Lanes atan2(Lanes y, Lanes x) { return atan2_lanes(y, x); }
};

}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
