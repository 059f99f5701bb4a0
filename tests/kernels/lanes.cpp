// The lanes' vocabulary against libm in long double: every function, both types, each target this machine can run.
#include <bit>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#define HWY_TARGET_INCLUDE "kernels/lanes.cpp"
#include "kernels/pointwise-inl.hpp"

// The functions under test: TAPEGRAD_UNARY(name of the function, exact value in long double of x).
#define TAPEGRAD_UNARY_FUNCTIONS                                                \
  TAPEGRAD_UNARY(abs, std::abs(x))                                              \
  TAPEGRAD_UNARY(sqrt, std::sqrt(x))                                            \
  TAPEGRAD_UNARY(rsqrt, 1 / std::sqrt(x))                                       \
  TAPEGRAD_UNARY(square, x* x)                                                  \
  TAPEGRAD_UNARY(floor, std::floor(x))                                          \
  TAPEGRAD_UNARY(ceil, std::ceil(x))                                            \
  TAPEGRAD_UNARY(round, std::nearbyint(x))                                      \
  TAPEGRAD_UNARY(sign, x > 0 ? 1 : x < 0 ? -1 : x)                              \
  TAPEGRAD_UNARY(exp, std::exp(x))                                              \
  TAPEGRAD_UNARY(exp2, std::exp2(x))                                            \
  TAPEGRAD_UNARY(expm1, std::expm1(x))                                          \
  TAPEGRAD_UNARY(sigmoid, 1 / (1 + std::exp(-x)))                               \
  TAPEGRAD_UNARY(tanh, std::tanh(x))                                            \
  TAPEGRAD_UNARY(sinh, std::sinh(x))                                            \
  TAPEGRAD_UNARY(cosh, std::cosh(x))                                            \
  TAPEGRAD_UNARY(log, std::log(x))                                              \
  TAPEGRAD_UNARY(log2, std::log2(x))                                            \
  TAPEGRAD_UNARY(log10, std::log10(x))                                          \
  TAPEGRAD_UNARY(log1p, std::log1p(x))                                          \
  TAPEGRAD_UNARY(asinh, std::asinh(x))                                          \
  TAPEGRAD_UNARY(acosh, std::acosh(x))                                          \
  TAPEGRAD_UNARY(atanh, std::atanh(x))                                          \
  TAPEGRAD_UNARY(cbrt, std::cbrt(x))                                            \
  TAPEGRAD_UNARY(sin, std::sin(x))                                              \
  TAPEGRAD_UNARY(cos, std::cos(x))                                              \
  TAPEGRAD_UNARY(tan, std::tan(x))                                              \
  TAPEGRAD_UNARY(asin, std::asin(x))                                            \
  TAPEGRAD_UNARY(acos, std::acos(x))                                            \
  TAPEGRAD_UNARY(atan, std::atan(x))                                            \
  TAPEGRAD_UNARY(erf, std::erf(x))                                              \
  TAPEGRAD_UNARY(erfc, std::erfc(x))                                            \
  TAPEGRAD_UNARY(lgamma, std::lgamma(x))                                        \
  TAPEGRAD_UNARY(exp_minus_square, std::exp(-x* x))                             \
  TAPEGRAD_UNARY(logistic_density, 1 / (2 + std::exp(x) + std::exp(-x)))        \
  TAPEGRAD_UNARY(one_minus_square, (1 - x) * (1 + x))                           \
  TAPEGRAD_UNARY(silu, std::isinf(x) && x < 0 ? -0.0L : x / (1 + std::exp(-x))) \
  TAPEGRAD_UNARY(gelu, std::isinf(x) && x < 0 ? -0.0L : x / 2 * std::erfc(-x * kSqrtHalf))

#define TAPEGRAD_BINARY_FUNCTIONS                                               \
  TAPEGRAD_BINARY(min, std::isnan(a) || std::isnan(b) ? a + b : std::min(a, b)) \
  TAPEGRAD_BINARY(max, std::isnan(a) || std::isnan(b) ? a + b : std::max(a, b)) \
  TAPEGRAD_BINARY(pow, std::pow(a, b))                                          \
  TAPEGRAD_BINARY(atan2, std::atan2(a, b))                                      \
  TAPEGRAD_BINARY(copysign, std::copysign(a, b))

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
template <class D>
HWY_INLINE Lanes<D> silu(Lanes<D> x) {
  return times_sigmoid(x, x);
}
template <class D>
HWY_INLINE Lanes<D> gelu(Lanes<D> x) {
  return times_normal_cdf(x, x);
}

#define TAPEGRAD_UNARY(name, exact)       \
  struct Lanes_##name {                   \
    template <class T>                    \
    T value(const T& x) const {           \
      return name(x);                     \
    }                                     \
    template <class T>                    \
    T slope(const T&, const T& y) const { \
      return y;                           \
    }                                     \
  };                                      \
  TAPEGRAD_UNARY_KERNELS(Lanes_##name)
TAPEGRAD_UNARY_FUNCTIONS
#undef TAPEGRAD_UNARY

#define TAPEGRAD_BINARY(name, exact)                  \
  struct Lanes_##name {                               \
    template <class T>                                \
    T value(const T& a, const T& b) const {           \
      return name(a, b);                              \
    }                                                 \
    template <class T>                                \
    T slope_a(const T& a, const T&, const T&) const { \
      return a;                                       \
    }                                                 \
    template <class T>                                \
    T slope_b(const T&, const T& b, const T&) const { \
      return b;                                       \
    }                                                 \
  };                                                  \
  TAPEGRAD_BINARY_KERNELS(Lanes_##name)
TAPEGRAD_BINARY_FUNCTIONS
#undef TAPEGRAD_BINARY

/// Comparisons and masks, written out as a sum of distinct powers of two.
struct Truths {
  template <class T>
  T value(const T& a, const T& b) const {
    return select(a < b, 1.0, T(0.0)) + select(a <= b, 2.0, T(0.0)) + select(a > b, 4.0, T(0.0)) +
           select(a >= b, 8.0, T(0.0)) + select(a == b, 16.0, T(0.0)) + select(a != b, 32.0, T(0.0)) +
           select(is_nan(a), 64.0, T(0.0)) + select((a > 0.0) & !(b > 0.0), 128.0, T(0.0)) +
           select((a > 0.0) | (b > 0.0), T(256.0), 0);
  }
  template <class T>
  T slope_a(const T& a, const T&, const T&) const {
    return a;
  }
  template <class T>
  T slope_b(const T&, const T& b, const T&) const {
    return b;
  }
};
TAPEGRAD_BINARY_KERNELS(Truths)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
#define TAPEGRAD_UNARY(name, exact) TAPEGRAD_EXPORT_UNARY_KERNELS(Lanes_##name)
TAPEGRAD_UNARY_FUNCTIONS
#undef TAPEGRAD_UNARY
#define TAPEGRAD_BINARY(name, exact) TAPEGRAD_EXPORT_BINARY_KERNELS(Lanes_##name)
TAPEGRAD_BINARY_FUNCTIONS
#undef TAPEGRAD_BINARY
TAPEGRAD_EXPORT_BINARY_KERNELS(Truths)

namespace {

constexpr long double kSqrtHalf = 0.70710678118654752440084436210484904L;

struct UnaryCase {
  const char* name;
  kernels::UnaryKernels kernels;
  long double (*exact)(long double);
};
#define TAPEGRAD_UNARY(name, exact_value) \
  {#name, Lanes_##name##Kernels, [](long double x) -> long double { return exact_value; }},
const UnaryCase kUnaryCases[] = {TAPEGRAD_UNARY_FUNCTIONS};

struct BinaryCase {
  const char* name;
  kernels::BinaryKernels kernels;
  long double (*exact)(long double, long double);
};
#define TAPEGRAD_BINARY(name, exact_value) \
  {#name, Lanes_##name##Kernels, [](long double a, long double b) -> long double { return exact_value; }},
const BinaryCase kBinaryCases[] = {TAPEGRAD_BINARY_FUNCTIONS};

/// The distance from the exact value in units in the last place of T. Infinity counts as the power of two beyond the
/// largest number; NaN and the sign of an exact zero must agree.
template <class T>
double error_in_ulps(T got, long double exact) {
  using Limits = std::numeric_limits<T>;
  constexpr double kWrong = 1e9;
  if (std::isnan(exact) || std::isnan(got)) return std::isnan(exact) && std::isnan(got) ? 0 : kWrong;
  if (exact == 0) return got == 0 && std::signbit(got) == std::signbit(exact) ? 0 : kWrong;
  const long double beyond = std::ldexp(1.0L, Limits::max_exponent);
  const auto finite = [&](long double v) {
    return std::isinf(v) || std::abs(v) > beyond ? std::copysign(beyond, v) : v;
  };
  const long double target = finite(exact);
  const int exponent = std::max(std::min(std::ilogb(target), Limits::max_exponent - 1), Limits::min_exponent - 1);
  return static_cast<double>(std::abs(finite(got) - target) / std::ldexp(1.0L, exponent - (Limits::digits - 1)));
}

/// Special values, neighbours of round numbers, ordinary ranges and random bit patterns.
template <class T>
std::vector<T> points(std::size_t count, unsigned seed) {
  using Limits = std::numeric_limits<T>;
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  const T infinity = Limits::infinity();
  std::vector<T> p = {
      0, infinity, Limits::quiet_NaN(), Limits::min(), Limits::denorm_min(), Limits::max(), Limits::epsilon()};
  for (const double v : {0.25,
                         0.5,
                         0.7071067811865476,
                         0.7853981633974483,
                         1.0,
                         1.4142135623730951,
                         1.5,
                         1.5707963267948966,
                         2.0,
                         2.5,
                         3.0,
                         3.141592653589793,
                         3.92,
                         4.0,
                         6.0,
                         6.9906,
                         8.0,
                         9.0,
                         10.0,
                         22.0,
                         26.5,
                         27.2,
                         64.0,
                         88.0,
                         88.72284,
                         89.0,
                         100.0,
                         103.97,
                         127.0,
                         128.0,
                         149.0,
                         150.0,
                         708.0,
                         709.0,
                         709.7827,
                         710.0,
                         710.4758,
                         744.0,
                         745.13,
                         746.0,
                         1000.0,
                         1023.0,
                         1024.0,
                         1074.0,
                         1048576.0,
                         8388607.5,
                         8388608.0,
                         16777216.0,
                         0x1p28,
                         0x1p52,
                         0x1p53}) {
    const T at = static_cast<T>(v);
    p.insert(p.end(), {at, std::nextafter(at, infinity), std::nextafter(at, T(0))});
  }
  std::mt19937_64 random(seed);
  while (p.size() < count) {
    std::uniform_real_distribution<T> unit(0, 1);
    p.push_back(std::bit_cast<T>(static_cast<Bits>(random() >> (65 - 8 * sizeof(T)))));
    p.push_back(unit(random));
    p.push_back(10 * unit(random));
    p.push_back((sizeof(T) == 4 ? 150 : 1100) * unit(random));
    p.push_back(1 + (unit(random) - T(0.5)) / 64);
    p.push_back(std::round(1000 * unit(random)) * T(1.5707963267948966));
    p.push_back(std::round(20 * unit(random)));
  }
  const std::size_t positive = p.size();
  for (std::size_t i = 0; i < positive; ++i) p.push_back(-p[i]);
  return p;
}

/// Runs `body` with the dispatcher held to each target in turn.
template <class Body>
void for_each_target(const Body& body) {
  hwy::SetSupportedTargetsForTest(0);
  const std::int64_t supported = hwy::SupportedTargets() & HWY_TARGETS;
  for (std::int64_t targets = supported; targets != 0; targets &= targets - 1) {
    const std::int64_t target = targets & -targets;
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(target);
    body(std::string(hwy::TargetName(target)));
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().DeInit();
}

constexpr double kBar = 4;  // units in the last place

template <class T>
void check_unary() {
  const std::vector<T> x = points<T>(30000, 1);
  std::vector<T> y(x.size());
  std::vector<long double> exact(x.size());
  for (const UnaryCase& function : kUnaryCases) {
    for (std::size_t i = 0; i < x.size(); ++i) exact[i] = function.exact(x[i]);
    for_each_target([&](const std::string& target) {
      function.kernels.forward()(nullptr, dtype_of<T>(), x.data(), y.data(), static_cast<std::int64_t>(x.size()));
      double worst = 0;
      std::size_t where = 0;
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double error = error_in_ulps(y[i], exact[i]);
        if (error > worst) worst = error, where = i;
      }
      BOOST_TEST_MESSAGE(to_string(dtype_of<T>())
                         << ' ' << target << ' ' << function.name << ": " << worst << " ulp at " << x[where]);
      BOOST_TEST(worst <= kBar, function.name << '(' << x[where] << ") gives " << y[where] << ", exact " << exact[where]
                                              << ": " << worst << " ulp, " << to_string(dtype_of<T>()) << ' '
                                              << target);
    });
  }
}

template <class T>
void check_binary() {
  // Every pair of a few hundred points, the special values among them.
  std::vector<T> p = points<T>(160, 2);
  for (int i = -8; i <= 8; ++i) p.push_back(static_cast<T>(i));
  std::vector<T> a, b;
  for (const T first : p)
    for (const T second : p) a.push_back(first), b.push_back(second);
  std::vector<T> y(a.size());
  std::vector<long double> exact(a.size());
  for (const BinaryCase& function : kBinaryCases) {
    for (std::size_t i = 0; i < a.size(); ++i) exact[i] = function.exact(a[i], b[i]);
    for_each_target([&](const std::string& target) {
      function.kernels.forward()(nullptr, dtype_of<T>(), a.data(), 1, b.data(), 1, y.data(),
                                 static_cast<std::int64_t>(a.size()));
      double worst = 0;
      std::size_t where = 0;
      for (std::size_t i = 0; i < a.size(); ++i) {
        double error = error_in_ulps(y[i], exact[i]);
        if (y[i] == 0 && exact[i] == 0) error = 0;  // min and max of zeros of both signs may give either
        if (error > worst) worst = error, where = i;
      }
      BOOST_TEST_MESSAGE(to_string(dtype_of<T>()) << ' ' << target << ' ' << function.name << ": " << worst
                                                  << " ulp at " << a[where] << ", " << b[where]);
      BOOST_TEST(worst <= kBar, function.name << '(' << a[where] << ", " << b[where] << ") gives " << y[where]
                                              << ", exact " << exact[where] << ": " << worst << " ulp, "
                                              << to_string(dtype_of<T>()) << ' ' << target);
    });
  }
}

template <class T>
void check_truths() {
  const T nan = std::numeric_limits<T>::quiet_NaN();
  for_each_target([&](const std::string& target) {
    for (const T a : {T(-1), T(0), T(2), nan})
      for (const T b : {T(-1), T(0), T(2), nan}) {
        T y;
        TruthsKernels.forward()(nullptr, dtype_of<T>(), &a, 1, &b, 1, &y, 1);
        const int expected = (a < b ? 1 : 0) + (a <= b ? 2 : 0) + (a > b ? 4 : 0) + (a >= b ? 8 : 0) +
                             (a == b ? 16 : 0) + (a != b ? 32 : 0) + (std::isnan(a) ? 64 : 0) +
                             (a > 0 && !(b > 0) ? 128 : 0) + (a > 0 || b > 0 ? 256 : 0);
        BOOST_TEST(static_cast<int>(y) == expected, a << ", " << b << ' ' << target);
      }
  });
}

/// A value must not depend on where in a vector it stands, nor on what stands beside it.
template <class T>
void check_positions() {
  const std::vector<T> x = points<T>(200, 3);
  for_each_target([&](const std::string& target) {
    for (const UnaryCase& function : kUnaryCases) {
      std::vector<T> alone(x.size());
      for (std::size_t i = 0; i < x.size(); ++i)
        function.kernels.forward()(nullptr, dtype_of<T>(), &x[i], &alone[i], 1);
      for (std::size_t n = 1; n <= 70; ++n) {
        std::vector<T> y(n + 1, T(7));
        const std::vector<T> exactly_n(x.begin() + static_cast<std::ptrdiff_t>(n),
                                       x.begin() + static_cast<std::ptrdiff_t>(2 * n));
        function.kernels.forward()(nullptr, dtype_of<T>(), exactly_n.data(), y.data(), static_cast<std::int64_t>(n));
        BOOST_TEST(y[n] == T(7), function.name << " wrote past n = " << n << ", " << target);
        for (std::size_t i = 0; i < n; ++i) {
          const T expected = alone[n + i];
          BOOST_TEST((y[i] == expected || (std::isnan(y[i]) && std::isnan(expected))),
                     function.name << '(' << x[n + i] << ") at " << i << " of " << n << ", " << target);
        }
      }
    }
  });
}

}  // namespace
}  // namespace tapegrad

BOOST_AUTO_TEST_SUITE(lanes)
BOOST_AUTO_TEST_CASE(unary_functions_of_float) { tapegrad::check_unary<float>(); }
BOOST_AUTO_TEST_CASE(unary_functions_of_double) { tapegrad::check_unary<double>(); }
BOOST_AUTO_TEST_CASE(binary_functions_of_float) { tapegrad::check_binary<float>(); }
BOOST_AUTO_TEST_CASE(binary_functions_of_double) { tapegrad::check_binary<double>(); }
BOOST_AUTO_TEST_CASE(comparisons_and_masks) {
  tapegrad::check_truths<float>();
  tapegrad::check_truths<double>();
}
BOOST_AUTO_TEST_CASE(position_in_a_vector_changes_nothing) {
  tapegrad::check_positions<float>();
  tapegrad::check_positions<double>();
}
BOOST_AUTO_TEST_SUITE_END()
#endif
