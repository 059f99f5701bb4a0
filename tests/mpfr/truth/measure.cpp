#include "truth/measure.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <type_traits>

#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tapegrad::truth {

template <class T>
std::vector<T> sample_points(const Reference& reference) {
  using Limits = std::numeric_limits<T>;
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  constexpr int kMantissa = Limits::digits - 1;
  constexpr int kExponents = 2 * Limits::max_exponent - 1;  // the last is that of infinity
  constexpr int kOne = Limits::max_exponent - 1;
  std::mt19937_64 random(20240229);
  const auto random_mantissa = [&] { return static_cast<Bits>(random() >> (64 - kMantissa)); };
  std::vector<T> points = {0,
                           Limits::denorm_min(),
                           Limits::min() - Limits::denorm_min(),
                           Limits::min(),
                           Limits::epsilon(),
                           Limits::max(),
                           Limits::infinity(),
                           Limits::quiet_NaN()};
  for (int exponent = 0; exponent < kExponents; ++exponent) {
    const bool ordinary = exponent > kOne - 14 && exponent < kOne + 14;  // where most functions bend
    const int count = ordinary ? 60 : sizeof(T) == 4 ? 6 : 2;
    for (int i = 0; i < count; ++i)
      points.push_back(std::bit_cast<T>((static_cast<Bits>(exponent) << kMantissa) | random_mantissa()));
  }
  std::vector<double> centres = reference.points;
  centres.push_back(1.0);
  for (const double c : centres) {
    const T centre = static_cast<T>(c);
    points.push_back(centre);
    for (int k = 0; k < kMantissa; ++k)
      for (const T side : {T(-1), T(1)}) {
        const T spread = std::ldexp(T(1) + std::ldexp(static_cast<T>(random_mantissa()), -kMantissa), -k - 2);
        points.push_back(centre + side * centre * spread);
      }
    T up = centre, down = centre;
    for (int step = 0; step < 3; ++step) {
      points.push_back(up = std::nextafter(up, Limits::infinity()));
      points.push_back(down = std::nextafter(down, -Limits::infinity()));
    }
  }
  const std::size_t positive = points.size();
  for (std::size_t i = 0; i < positive; ++i) points.push_back(-points[i]);
  if (reference.costly) {  // by MPFR; neighbours differ in sign and mantissa only
    std::size_t kept = 0;
    for (std::size_t i = 0; i < points.size(); i += 7) points[kept++] = points[i];
    points.resize(kept);
    for (const T special : {T(0), -T(0), Limits::max(), Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN()})
      points.push_back(special);
  }
  return points;
}

template <class T>
double error_in_ulps(T got, const Real& exact) {
  using Limits = std::numeric_limits<T>;
  constexpr double kWrong = std::numeric_limits<double>::infinity();
  if (exact.is_nan() || std::isnan(got)) return exact.is_nan() && std::isnan(got) ? 0 : kWrong;
  if (exact.is_zero()) return got == 0 ? 0 : kWrong;
  if (exact.is_infinite()) return std::isinf(got) && std::signbit(got) == exact.is_negative() ? 0 : kWrong;
  if (got == 0 && abs(exact) > 2.0 * static_cast<double>(Limits::denorm_min())) return kWrong;
  const Real beyond = scale(1.0, Limits::max_exponent);
  const auto finite = [&](const Real& v) {
    return v.is_infinite() || abs(v) > beyond ? (v.is_negative() ? -beyond : beyond) : v;
  };
  const Real target = finite(exact);
  const long exponent = std::max(std::min<long>(target.exponent(), Limits::max_exponent - 1),
                                 static_cast<long>(Limits::min_exponent - 1));
  return scale(abs(finite(static_cast<double>(got)) - target), Limits::digits - 1 - exponent).to_double();
}

namespace {

/// In units in the last place of the exact value, but within the intervals at least in those of 1.
template <class T>
double error_beside(const std::vector<Interval>& intervals, double x, T got, const Real& exact) {
  const bool within = std::ranges::any_of(intervals, [x](const Interval& i) { return i.low <= x && x <= i.high; });
  if (!within || !std::isfinite(got) || exact.is_nan() || !(abs(exact) < 1.0)) return error_in_ulps(got, exact);
  return scale(abs(exact - static_cast<double>(got)), std::numeric_limits<T>::digits - 1).to_double();
}

}  // namespace

template <class T>
Accuracy measure(const Reference& reference, const Evaluate<T>& evaluate) {
  const std::vector<T> x = sample_points<T>(reference);
  std::vector<T> y(x.size()), slope(x.size());
  evaluate(x, y, slope);
  Accuracy accuracy;
  const auto take = [](Worst& worst, double error, T at, T got, const Real& exact) {
    if (error > worst.error) worst = {error, static_cast<double>(at), static_cast<double>(got), exact.to_double()};
  };
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double at = static_cast<double>(x[i]);
    const Real value = reference.value(at);
    double error = error_beside(reference.value_cancels, at, y[i], value);
    if (value.is_zero() && std::signbit(y[i]) != value.is_negative()) error = std::numeric_limits<double>::infinity();
    take(accuracy.value, error, x[i], y[i], value);

    // Outside the domain there is no slope; where the value has overflowed on its way, its slope may have too.
    if (value.is_nan()) continue;
    if (std::isfinite(x[i]) && std::isinf(y[i]) && !value.is_infinite() && std::isinf(slope[i])) continue;
    const Real derivative = reference.derivative(at);
    error = error_beside(reference.derivative_cancels, at, slope[i], derivative);
    if (x[i] == 0 && derivative.is_infinite() && std::isinf(slope[i])) error = 0;  // its sign is that of the zero
    take(accuracy.derivative, error, x[i], slope[i], derivative);
  }
  return accuracy;
}

template <class T>
Evaluate<T> by_reverse_sweep(const Reference& reference, bool recorded) {
  return [&reference, recorded](std::span<const T> x, std::span<T> y, std::span<T> slope) {
    const Tensor leaf = from_vector(std::vector<T>(x.begin(), x.end())).set_requires_grad(true);
    Tape tape;
    const Tensor result = reference.call(leaf);
    const Tensor gradient = tape.gradient(result, leaf, {.cotangent = ones_like(result), .create_graph = recorded});
    std::ranges::copy(result.template to_vector<T>(), y.begin());
    std::ranges::copy(gradient.template to_vector<T>(), slope.begin());
  };
}

template std::vector<float> sample_points(const Reference&);
template std::vector<double> sample_points(const Reference&);
template double error_in_ulps(float, const Real&);
template double error_in_ulps(double, const Real&);
template Accuracy measure(const Reference&, const Evaluate<float>&);
template Accuracy measure(const Reference&, const Evaluate<double>&);
template Evaluate<float> by_reverse_sweep(const Reference&, bool);
template Evaluate<double> by_reverse_sweep(const Reference&, bool);

}  // namespace tapegrad::truth
