// The derivative at another point: a stale saved value, its size without its sign, or an eps that moved one.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "gradcheck/diagnosis.hpp"

namespace tapegrad::checker {
namespace {

/// The values of input `k` moved by `amount` along `direction`.
Values moved(const Block& block, std::size_t k, const Values& direction, double amount) {
  Values values = block.inputs[k].values;
  for (std::size_t j = 0; j < values.size(); ++j) values[j] += amount * direction[j];
  return values;
}

struct Projection {
  double amount;  // of the change in the residual
  double left;    // the share of the residual that it leaves
};

/// Fits matrix - numeric to the residual.
Projection project(const Block& block, const Residual& residual, const Matrix& matrix) {
  double products = 0.0;
  double squares = 0.0;
  for (std::size_t e = 0; e < matrix.values.size(); ++e) {
    const double change = matrix.values[e] - block.numeric.values[e];
    products += change * residual.matrix().values[e];
    squares += change * change;
  }
  if (!(squares > 0.0)) return {0.0, 1.0};
  const double rest = residual.norm() * residual.norm() - products * products / squares;
  return {products / squares, std::sqrt(std::max(0.0, rest)) / residual.norm()};
}

/// The amount along `direction` at which the numeric block becomes the analytic one, by the secant method.
std::optional<std::pair<double, double>> fit_amount(const Block& block, const Residual& residual, std::size_t k,
                                                    const Values& direction) {
  constexpr int kIterations = 6;
  constexpr double kAligned = 0.7;
  std::optional<std::pair<double, double>> found;  // the amount, and what it leaves unexplained
  double amount = 1e-3 * std::max(1.0, largest(block.inputs[k].values)) / std::max(largest(direction), 1e-300);
  for (int i = 0; i < kIterations; ++i) {
    const std::optional<Matrix> at = block.numeric_at(k, moved(block, k, direction, amount));
    if (!at) return found;
    const double left = residual.unexplained(*at);
    if (found && left >= 0.5 * found->second) return found;
    if (residual.allows(left)) found = std::pair(amount, left);
    const Projection p = project(block, residual, *at);
    if (p.left > kAligned || p.amount == 0.0) return found;
    amount *= p.amount;
  }
  return found;
}

/// Whether a number is one that people choose for an eps: 1, 2 or 5 times a power of ten, at most 0.1.
bool looks_chosen(double amount) {
  const double size = std::abs(amount);
  if (!(size > 0.0) || size > 0.1) return false;
  const double power = std::pow(10.0, std::floor(std::log10(size) + 1e-3));
  const double digit = size / power;
  return std::abs(digit - 1.0) < 1e-3 || std::abs(digit - 2.0) < 2e-3 || std::abs(digit - 5.0) < 5e-3;
}

/// |x| in place of an input x of both signs.
Diagnosis at_absolute_values(const Block& block, const Residual& residual, std::size_t k) {
  const Values& values = block.inputs[k].values;
  const auto negative =
      static_cast<std::size_t>(std::count_if(values.begin(), values.end(), [](double v) { return v < 0.0; }));
  if (!are_enough(values.size() - negative, negative)) return std::nullopt;
  const std::optional<Matrix> at = block.numeric_at(k, magnitudes(values));
  if (!at) return std::nullopt;
  return residual.diagnose(
      GradcheckMistake::sign_of_input, *at,
      fmt::format("analytic is the derivative at the absolute values of '{}'", block.inputs[k].name),
      ": |x| in place of x");
}

}  // namespace

Diagnosis other_point(const Block& block, const Residual& residual) {
  constexpr std::size_t kFew = 3;
  if (!block.numeric_at || block.numeric.values.size() < kFew) return std::nullopt;
  for (std::size_t k = 0; k < block.inputs.size(); ++k) {
    const NamedValues& input = block.inputs[k];
    if (block.single_output && block.outputs.size() == input.values.size() && all_finite(block.outputs))
      if (const std::optional<Matrix> at = block.numeric_at(k, block.outputs))
        if (Diagnosis found = residual.diagnose(
                GradcheckMistake::stale_value, *at,
                fmt::format("analytic is the derivative with the output's values in place of '{}'", input.name),
                ": the saved input was overwritten by the output"))
          return found;
    if (Diagnosis found = at_absolute_values(block, residual, k)) return found;
    const char* const stale = ": a saved value is stale, or was changed after it was saved";
    if (const auto found = fit_amount(block, residual, k, Values(input.values.size(), 1.0))) {
      const auto [amount, left] = *found;
      const std::string where = fmt::format("analytic is the derivative at '{}' {} {:.4g}", input.name,
                                            amount < 0.0 ? "-" : "+", std::abs(amount));
      if (amount < 0.0 && looks_chosen(amount))
        return fitted(GradcheckMistake::misplaced_epsilon, where, left,
                      fmt::format(": an eps of {:.4g} that the function adds is missing in the rule", -amount));
      return fitted(GradcheckMistake::stale_value, where, left, stale);
    }
    if (const auto found = fit_amount(block, residual, k, input.values)) {
      const auto [amount, left] = *found;
      return fitted(GradcheckMistake::stale_value,
                    fmt::format("analytic is the derivative at {:.4g} × '{}'", 1.0 + amount, input.name), left, stale);
    }
  }
  return std::nullopt;
}

}  // namespace tapegrad::checker
