// Special functions on lanes: the error function, the normal distribution, the gamma function and its derivatives.

#if defined(TAPEGRAD_KERNELS_LANES_SPECIAL_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef TAPEGRAD_KERNELS_LANES_SPECIAL_INL_HPP
#undef TAPEGRAD_KERNELS_LANES_SPECIAL_INL_HPP
#else
#define TAPEGRAD_KERNELS_LANES_SPECIAL_INL_HPP
#endif

#include <cmath>

#include "kernels/gamma.hpp"
#include "kernels/lanes_exponential-inl.hpp"
#include "kernels/normal_table.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {

/// -factor x^2. REQUIRES: factor is a power of two.
template <class D>
TAPEGRAD_LANES_FUNCTION Unrounded<D> minus_square(Lanes<D> x, double factor) {
  const auto [value, lost] = exact_product(x, x);
  return {-factor * value, -factor * lost};
}

/// e^(-factor x^2): the square's rounding error would be magnified up to 700 times. REQUIRES: factor is a power of two.
template <class D>
TAPEGRAD_LANES_FUNCTION ScaledExp<D> gaussian(Lanes<D> x, double factor) {
  const auto [value, lost] = minus_square(x, factor);
  return exp_of(value, lost);
}

/// e^(-x^2)
template <class D>
TAPEGRAD_LANES_FUNCTION Lanes<D> exp_minus_square(Lanes<D> x) {
  const auto [k, p] = gaussian(at_most(kIsFloat<D> ? 11.0 : 28.0, abs(x)), 1.0);
  return scale(1.0 + p, k);
}

/// erfc(x) for x >= 1/2, given e = e^(-x^2) and scaled by 2^shift: e g(t) / (1 + 2x) with t = (x - 4) / (x + 4), a form
/// after Shepherd and Laframboise, Chebyshev Approximation of (1 + 2x) exp(x^2) erfc x in 0 <= x < infinity, Math.
/// Comp. 36 (1981). Ten terms are enough in float32, where t runs over [-0.78, 0.44] only.
template <class D>
TAPEGRAD_LANES_FUNCTION Lanes<D> erfc_tail(Lanes<D> x, ScaledExp<D> e, double shift) {
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
TAPEGRAD_LANES_FUNCTION Lanes<D> erf_small(Lanes<D> x) {
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
TAPEGRAD_LANES_FUNCTION Lanes<D> erf(Lanes<D> x) {
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
TAPEGRAD_LANES_FUNCTION Lanes<D> erfc(Lanes<D> x) {
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

/// Phi(-m) 2^kTailShift, Phi the standard normal distribution, given e = e^(-m^2 / 2). REQUIRES: 0 <= m <=
/// kNormalTailEnd, in float64 m >= 1 / sqrt(2).
template <class D>
TAPEGRAD_LANES_FUNCTION Lanes<D> normal_tail(Lanes<D> m, ScaledExp<D> e) {
  if constexpr (kIsFloat<D>) {
    // One division: as m goes from 0 to infinity, u = 1 / (1 + 0.4 m) goes from 1 to 0, and e^(m^2 / 2) Phi(-m) / u is
    // a smooth function of v = u - 1, which loses nothing near 0.
    const auto u = 1.0 / mul_add(m, Lanes<D>(0.4), Lanes<D>(1.0));
    const auto v = -0.4 * m * u;
    const auto g = u * polynomial(v, 0.500000007149, 0.497357369242, 0.0678528525569, -0.116648921534, 0.0229457932419,
                                  0.0616099055911, 0.0585377993921, 0.129209773728, 0.114333398127, 0.0325666175269);
    return scale(mul_add(e.p, g, g), e.k + kTailShift);
  } else {
    return 0.5 * erfc_tail(m * 0.70710678118654752440, e, kTailShift);
  }
}

// Two ways to the normal distribution: by one e^(-x^2/2) for any x, and, where a register holds a table of 32 numbers,
// by polynomials on 32 intervals about zero, at a third of the cost. Which one a lane goes depends on its x alone.

template <class D>
TAPEGRAD_LANES_FUNCTION Lanes<D> times_normal_cdf_by_exp(Lanes<D> a, Lanes<D> x) {
  const auto magnitude = abs(x);
  const auto bounded = clamp_keep_nan(magnitude, kIsFloat<D> ? 0.0 : 0.70710678118654752440, kNormalTailEnd<D>);
  const auto tail = normal_tail(bounded, gaussian(bounded, 0.5));
  const auto left = select(magnitude < kNormalTailEnd<D>, a * tail * kTailUnit, copysign(0.0, a));
  const auto sides = select(is_nan(x), x, select(x < 0.0, left, a * (1.0 - tail * kTailUnit)));
  if constexpr (kIsFloat<D>) {
    return sides;
  } else {
    const auto central = magnitude <= 0.70710678118654752440;
    const auto small = 0.5 + 0.5 * erf_small(select(central, x, 0.0) * 0.70710678118654752440);
    return select(central, a * small, sides);
  }
}

template <class D>
TAPEGRAD_LANES_FUNCTION Lanes<D> normal_cdf_plus_moment_by_exp(Lanes<D> x) {
  const auto magnitude = at_most(kNormalTailEnd<D>, abs(x));
  const auto e = gaussian(magnitude, 0.5);
  const auto moment = magnitude * (0.39894228040143267794 * scale(1.0 + e.p, e.k + kTailShift));
  const auto bounded = kIsFloat<D> ? magnitude : clamp_keep_nan(magnitude, 0.70710678118654752440, kNormalTailEnd<D>);
  const auto excess = (moment - normal_tail(bounded, e)) * kTailUnit;  // over 1, or below 0
  const auto sides = select(x < 0.0, -excess, 1.0 + excess);
  if constexpr (kIsFloat<D>) {
    return sides;
  } else {
    const auto central = magnitude <= 0.70710678118654752440;
    const auto half_erf = 0.5 * erf_small(select(central, x, 0.0) * 0.70710678118654752440);
    return select(central, 0.5 + (half_erf + copysign(moment * kTailUnit, x)), sides);
  }
}

#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
/// The entries of a table of 32 that the low five bits of each lane name.
TAPEGRAD_LANES_FUNCTION hn::Vec512<float> look_up(const float* table, hn::Vec512<float> places) {
  return hn::Vec512<float>{
      _mm512_permutex2var_ps(_mm512_load_ps(table), _mm512_castps_si512(places.raw), _mm512_load_ps(table + 16))};
}
#endif
template <class D>
inline constexpr bool kHasTables = requires(const float* table, hn::Vec<D> places) {
  look_up(table, places);
};

/// The terms from the k-th on of each lane's polynomial in h.
template <int k = 0, class D>
TAPEGRAD_LANES_FUNCTION Lanes<D> piece(const float (&pieces)[NormalTable::kTerms][32], Lanes<D> places, Lanes<D> h) {
  const Lanes<D> coefficient = look_up(pieces[k], places.v);
  if constexpr (k + 1 == NormalTable::kTerms) {
    return coefficient;
  } else {
    return mul_add(piece<k + 1>(pieces, places, h), h, coefficient);
  }
}

/// A function of m by the polynomial of m's interval. Some number for m that is not in [0, NormalTable::kEnd).
template <class D>
TAPEGRAD_LANES_FUNCTION Lanes<D> piecewise(const float (&pieces)[NormalTable::kTerms][32], Lanes<D> m) {
  const auto slope = mul_add(m, Lanes<D>(NormalTable::kSquare), Lanes<D>(NormalTable::kLinear));
  const auto places = mul_add(m, slope, Lanes<D>(kRounder<D>));  // the interval's number in the low bits
  return piece(pieces, places, m - Lanes<D>(look_up(kNormalTable.centre, places.v)));
}

template <class D>
HWY_NOINLINE Lanes<D> times_normal_cdf_far(Lanes<D> a, Lanes<D> x) {
  return times_normal_cdf_by_exp(a, x);
}
template <class D>
HWY_NOINLINE Lanes<D> normal_cdf_plus_moment_far(Lanes<D> x) {
  return normal_cdf_plus_moment_by_exp(x);
}

/// a Phi(x), where Phi(x) alone would be subnormal or zero too; 0 where it is zero, whatever a is.
template <class D>
TAPEGRAD_LANES_FUNCTION Lanes<D> times_normal_cdf(Lanes<D> a, Lanes<D> x) {
  if constexpr (kHasTables<D>) {
    const auto near = abs(x) < NormalTable::kEnd;
    const auto tail = piecewise(kNormalTable.tail, abs(x));
    const auto product = a * select(x < 0.0, tail, 1.0 - tail);
    if (HWY_LIKELY(hn::AllTrue(D(), near.m))) return product;
    return select(near, product, times_normal_cdf_far(a, x));
  } else {
    return times_normal_cdf_by_exp(a, x);
  }
}

/// Phi(x) + x phi(x), the slope of x Phi(x), phi the normal density, with the same care for the tail.
template <class D>
TAPEGRAD_LANES_FUNCTION Lanes<D> normal_cdf_plus_moment(Lanes<D> x) {
  if constexpr (kHasTables<D>) {
    const auto near = abs(x) < NormalTable::kEnd;
    const auto excess = piecewise(kNormalTable.excess, abs(x));
    const auto slope = select(x < 0.0, -excess, 1.0 + excess);
    if (HWY_LIKELY(hn::AllTrue(D(), near.m))) return slope;
    return select(near, slope, normal_cdf_plus_moment_far(x));
  } else {
    return normal_cdf_plus_moment_by_exp(x);
  }
}

/// libm's lgamma, but for its zeros between the poles, where glibc's double version is more than 4 units off.
/// The reentrant forms: the others write a global, signgam.
inline double lgamma_lane(double x) {
  int sign = 0;
  return x < -2.0 ? static_cast<double>(::lgammal_r(static_cast<long double>(x), &sign)) : ::lgamma_r(x, &sign);
}

struct LgammaInDouble {
  template <class D>
  TAPEGRAD_LANES_FUNCTION Lanes<D> operator()(Lanes<D> x) const {
    return lane_by_lane(lgamma_lane, x);
  }
};
TAPEGRAD_THROUGH_DOUBLE(lgamma, LgammaInDouble)

struct DigammaInDouble {
  template <class D>
  TAPEGRAD_LANES_FUNCTION Lanes<D> operator()(Lanes<D> x) const {
    return lane_by_lane(kernels::digamma, x);
  }
};
TAPEGRAD_THROUGH_DOUBLE(digamma, DigammaInDouble)

inline double polygamma_lane(double order, double x) { return kernels::polygamma(static_cast<int>(order), x); }

struct PolygammaInDouble {
  template <class D>
  TAPEGRAD_LANES_FUNCTION Lanes<D> operator()(Lanes<D> order, Lanes<D> x) const {
    return lane_by_lane(polygamma_lane, order, x);
  }
};

/// REQUIRES: order >= 1.
template <class D>
TAPEGRAD_LANES_FUNCTION Lanes<D> polygamma(int order, Lanes<D> x) {
  if constexpr (kIsFloat<D>)
    return in_double(PolygammaInDouble{}, Lanes<D>(order), x);
  else
    return PolygammaInDouble{}(Lanes<D>(order), x);
}

}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
