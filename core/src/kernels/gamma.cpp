#include "kernels/gamma.hpp"

#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

// Computed in long double, so that on x86 eleven bits stand by for the cancellation of recurrence and reflection.
namespace tapegrad::kernels {
namespace {

constexpr long double kPi = 3.14159265358979323846264338327950288L;
/// B_2, B_4, B_6 ... (Bernoulli numbers)
constexpr std::array<long double, 10> kBernoulli = {1.0L / 6,       -1.0L / 30,      1.0L / 42, -1.0L / 30,
                                                    5.0L / 66,      -691.0L / 2730,  7.0L / 6,  -3617.0L / 510,
                                                    43867.0L / 798, -174611.0L / 330};
/// From here on ten terms of the asymptotic series reach long double's precision.
constexpr long double kAsymptotic = 16;

/// cot(pi x), by the distance to the nearest pole or zero: both are exact for any x.
long double cotangent_of_pi(double x) {
  const long double from_pole = static_cast<long double>(x) - std::nearbyint(x);
  if (std::abs(from_pole) > 0.25L) return std::copysign(std::tan(kPi * (0.5L - std::abs(from_pole))), from_pole);
  return 1 / std::tan(kPi * from_pole);
}

/// REQUIRES: x > 0.
long double digamma_positive(long double x) {
  // About the zero at 1.46..., where the terms below cancel: Taylor coefficients psi^(k)(zero) / k!.
  constexpr long double kZero = 1.4616321449683622 /* a double */, kZeroLost = 9.549995429965697715e-17L;
  constexpr std::array<long double, 14> kAboutZero = {
      0.9676722454476211704274L,   -0.4427631689835921060929L,  0.2584997609556510106244L,  -0.1639427054424065275043L,
      0.1078240506912623657572L,   -0.07219956125645471092612L, 0.04880428816414310722509L, -0.03316112647484735929226L,
      0.02259764823221810465962L,  -0.0154247659049489591388L,  0.01053879161661217538812L, -0.00720453438635686824097L,
      0.004926781395729853446354L, -0.003369801655439328082793L};
  if (const long double d = (x - kZero) - kZeroLost; std::abs(d) < 1.0L / 32) {
    long double sum = 0;
    for (std::size_t k = kAboutZero.size(); k-- > 0;) sum = (sum + kAboutZero[k]) * d;
    return sum;
  }
  long double recurrence = 0;  // psi(x) = psi(x + 1) - 1 / x
  while (x < kAsymptotic) {
    recurrence += 1 / x;
    x += 1;
  }
  const long double z = 1 / (x * x);
  long double series = 0;
  for (std::size_t k = kBernoulli.size(); k-- > 0;)
    series = (series + kBernoulli[k] / (2.0L * static_cast<long double>(k + 1))) * z;
  return std::log(x) - 0.5L / x - series - recurrence;
}

/// |psi^(order)(x)|. REQUIRES: order >= 1, x > 0.
long double polygamma_positive(int order, long double x) {
  const auto n = static_cast<long double>(order);
  const long double factorial = std::tgamma(n);  // (n - 1)!
  const long double asymptotic = kAsymptotic + n;
  long double recurrence = 0;  // each step down adds n! / x^(n + 1)
  while (x < asymptotic) {
    recurrence += std::pow(x, -n - 1);
    x += 1;
  }
  // (n - 1)! / x^n (1 + n / (2 x) + sum of B_2k (n)(n + 1) ... (n + 2k - 1) / ((2k)! x^2k))
  long double term = 1, sum = 1 + n / (2 * x);
  for (std::size_t k = 0; k < kBernoulli.size(); ++k) {
    const auto i = static_cast<long double>(2 * k);
    term *= (n + i) * (n + i + 1) / ((i + 1) * (i + 2) * x * x);
    sum += kBernoulli[k] * term;
  }
  return factorial * (std::pow(x, -n) * sum + n * recurrence);
}

/// The derivative of the given order of pi cot(pi x): a polynomial in the cotangent c, since c' = -pi (1 + c^2).
long double cotangent_derivative(int order, double x) {
  std::vector<long double> p = {0, 1};  // coefficients, constant term first
  for (int k = 0; k < order; ++k) {
    std::vector<long double> next(p.size() + 1);
    for (std::size_t i = 1; i < p.size(); ++i) {
      next[i - 1] -= static_cast<long double>(i) * p[i];
      next[i + 1] -= static_cast<long double>(i) * p[i];
    }
    p = std::move(next);
  }
  const long double c = cotangent_of_pi(x);
  long double sum = 0;
  for (std::size_t i = p.size(); i-- > 0;) sum = sum * c + p[i];
  return sum * std::pow(kPi, order + 1);
}

}  // namespace

double digamma(double x) {
  if (x == 0) return std::copysign(std::numeric_limits<double>::infinity(), -x);
  if (x > 0 || std::isnan(x))
    return x < std::numeric_limits<double>::infinity() ? static_cast<double>(digamma_positive(x)) : x;
  if (std::isinf(x) || x == std::nearbyint(x)) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(digamma_positive(1 - static_cast<long double>(x)) - kPi * cotangent_of_pi(x));
}

double polygamma(int order, double x) {
  const bool odd = order % 2 != 0;
  if (std::isnan(x)) return x;
  if (std::isinf(x)) return x > 0 ? (odd ? 0.0 : -0.0) : std::numeric_limits<double>::quiet_NaN();
  if (x == 0)
    return odd ? std::numeric_limits<double>::infinity() : std::copysign(std::numeric_limits<double>::infinity(), -x);
  if (x > 0) return static_cast<double>((odd ? 1 : -1) * polygamma_positive(order, x));
  if (x == std::nearbyint(x))
    return odd ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
  // psi^(n)(x) = (-1)^n psi^(n)(1 - x) - d^n/dx^n pi cot(pi x), and (-1)^n psi^(n)(1 - x) is -|psi^(n)(1 - x)|
  return static_cast<double>(-polygamma_positive(order, 1 - static_cast<long double>(x)) -
                             cotangent_derivative(order, x));
}

}  // namespace tapegrad::kernels
