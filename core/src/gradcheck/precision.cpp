#include "gradcheck/precision.hpp"

#include <cmath>
#include <limits>

namespace tapegrad::checker {
namespace {

/// The smallest normal number of the dtype that rounds by epsilon.
double least_number(double epsilon) {
  return epsilon < 1e-10 ? std::numeric_limits<double>::min() : static_cast<double>(std::numeric_limits<float>::min());
}

}  // namespace

Precision precision_of(double value_epsilon, double derivative_epsilon) {
  // The error of a formula of order 6 balances with rounding at epsilon^(1/7).
  const double bits = -std::log2(value_epsilon);
  const double first = std::round(bits / 7.0);
  const double span = bits / 2.0 - first - static_cast<double>(kSteps - 1);
  const int families = 1 + static_cast<int>(std::round(std::fmax(0.0, span) / kFamilyBits));
  // A thousandth, until the values are coarser than float32: then as their square root, which is what differences of
  // low order leave.
  const double rough = std::fmax(1e-3, 3.0 * std::sqrt(value_epsilon));
  return {.epsilon = value_epsilon,
          .first_step = std::exp2(-first),
          .families = families,
          .derivative_epsilon = derivative_epsilon,
          .coarser_epsilon = std::fmax(value_epsilon, derivative_epsilon),
          .floor = std::pow(derivative_epsilon, 0.6),
          .rough = rough,
          .least = least_number(value_epsilon),
          .least_derivative = least_number(derivative_epsilon),
          .fair = std::fmax(1e-6, 10.0 * std::sqrt(value_epsilon))};
}

}  // namespace tapegrad::checker
