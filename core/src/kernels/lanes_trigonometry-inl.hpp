// Trigonometric functions on lanes, and their inverses.

#if defined(TAPEGRAD_KERNELS_LANES_TRIGONOMETRY_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef TAPEGRAD_KERNELS_LANES_TRIGONOMETRY_INL_HPP
#undef TAPEGRAD_KERNELS_LANES_TRIGONOMETRY_INL_HPP
#else
#define TAPEGRAD_KERNELS_LANES_TRIGONOMETRY_INL_HPP
#endif

#include <cmath>

#include <hwy/contrib/math/math-inl.h>
#include "kernels/lanes_arithmetic-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {

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
TAPEGRAD_LANES_FUNCTION ReducedAngle<D> reduce_angle(Lanes<D> x) {
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
TAPEGRAD_LANES_FUNCTION Lanes<D> sin_reduced(Lanes<D> high, Lanes<D> low) {
  const auto z = high * high;
  const auto cube = z * high;
  const auto tail = polynomial(z, 0.00833333333333333149, -0.000198412698412650626, 2.75573192193373103e-6,
                               -2.50521062318028379e-8, 1.60585315167977592e-10, -7.58669109419795836e-13);
  return high - ((z * (0.5 * low - cube * tail) - low) - cube * -0.166666666666666667);
}
template <class D>
TAPEGRAD_LANES_FUNCTION Lanes<D> cos_reduced(Lanes<D> high, Lanes<D> low) {
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
TAPEGRAD_LANES_FUNCTION typename Lanes<D>::Mask is_odd_quadrant(hn::Vec<hn::RebindToUnsigned<D>> quadrant) {
  const hn::RebindToUnsigned<D> bits;
  return {hn::RebindMask(D(), hn::TestBit(quadrant, hn::Set(bits, 1)))};
}
/// x, negated where bit 1 of the quadrant is set.
template <class D>
TAPEGRAD_LANES_FUNCTION Lanes<D> negate_by_quadrant(Lanes<D> x, hn::Vec<hn::RebindToUnsigned<D>> quadrant) {
  const hn::RebindToUnsigned<D> bits;
  const auto sign = hn::ShiftLeft<62>(hn::And(quadrant, hn::Set(bits, 2)));
  return hn::BitCast(D(), hn::Xor(hn::BitCast(bits, x.v), sign));
}

/// Gives y, or libm's answer for a vector with a lane outside the range of reduce_angle.
template <class D>
TAPEGRAD_LANES_FUNCTION Lanes<D> or_libm(Lanes<D> x, Lanes<D> y, double (*function)(double)) {
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
  TAPEGRAD_LANES_FUNCTION Lanes<D> operator()(Lanes<D> x) const {
    const auto [high, low, quadrant] = reduce_angle(x);
    const auto y = select(is_odd_quadrant<D>(quadrant), cos_reduced(high, low), sin_reduced(high, low));
    return or_libm(x, select(x == 0.0, x, negate_by_quadrant(y, quadrant)), sin_lane);
  }
};
TAPEGRAD_THROUGH_DOUBLE(sin, SinInDouble)

struct CosInDouble {
  template <class D>
  TAPEGRAD_LANES_FUNCTION Lanes<D> operator()(Lanes<D> x) const {
    const auto [high, low, quadrant] = reduce_angle(x);
    const auto y = select(is_odd_quadrant<D>(quadrant), sin_reduced(high, low), cos_reduced(high, low));
    const hn::RebindToUnsigned<D> bits;
    return or_libm(x, negate_by_quadrant(y, hn::Add(quadrant, hn::Set(bits, 1))), cos_lane);
  }
};
TAPEGRAD_THROUGH_DOUBLE(cos, CosInDouble)

struct TanInDouble {
  template <class D>
  TAPEGRAD_LANES_FUNCTION Lanes<D> operator()(Lanes<D> x) const {
    const auto [high, low, quadrant] = reduce_angle(x);
    const auto s = sin_reduced(high, low), c = cos_reduced(high, low);
    const auto odd = is_odd_quadrant<D>(quadrant);
    const auto y = select(odd, -c, s) / select(odd, s, c);
    return or_libm(x, select(x == 0.0, x, y), tan_lane);
  }
};
TAPEGRAD_THROUGH_DOUBLE(tan, TanInDouble)

template <class D>
TAPEGRAD_LANES_FUNCTION Lanes<D> asin(Lanes<D> x) {
  return hn::Asin(D(), x.v);
}
template <class D>
TAPEGRAD_LANES_FUNCTION Lanes<D> acos(Lanes<D> x) {
  return hn::Acos(D(), x.v);
}
template <class D>
TAPEGRAD_LANES_FUNCTION Lanes<D> atan(Lanes<D> x) {
  return hn::Atan(D(), x.v);
}

struct Atan2InDouble {
  template <class D>
  TAPEGRAD_LANES_FUNCTION Lanes<D> operator()(Lanes<D> y, Lanes<D> x) const {
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
TAPEGRAD_LANES_FUNCTION Lanes<D> atan2_lanes(Lanes<D> y, Lanes<D> x) {
  if constexpr (kIsFloat<D>)
    return in_double(Atan2InDouble{}, y, x);
  else
    return Atan2InDouble{}(y, x);
}

}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
