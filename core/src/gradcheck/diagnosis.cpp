#include "gradcheck/diagnosis.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace tapegrad::checker {

Residual::Residual(const Block& block) : block_(block), residual_(block.analytic) {
  for (std::size_t k = 0; k < residual_.values.size(); ++k) residual_.values[k] -= block.numeric.values[k];
  norm_ = std::sqrt(dot(residual_.values, residual_.values));
  size_ = std::max(largest(block.analytic.values), largest(block.numeric.values));
  const auto count = static_cast<double>(std::max<std::size_t>(residual_.values.size(), 1));
  noise_ = 8.0 * block.numeric_error / std::sqrt(count);
  // What is left of a good fit is the error of the differences; where that is much, nothing can be shown.
  constexpr double kLeft = 1e-3;
  constexpr double kMostLeft = 0.05;
  allowed_ = std::min(kMostLeft, kLeft + 4.0 * block.numeric_error / norm_);
}

double Residual::share(const Matrix& a, const Matrix& b) const {
  double squares = 0.0;
  for (std::size_t k = 0; k < a.values.size(); ++k) {
    const double apart = a.values[k] - b.values[k];
    squares += apart * apart;
  }
  return std::sqrt(squares) / norm_;
}

Diagnosis Residual::diagnose(GradcheckMistake mistake, double left, const std::string& fit,
                             const std::string& meaning) const {
  return allows(left) ? Diagnosis(fitted(mistake, fit, left, meaning)) : std::nullopt;
}

GradcheckDiagnosis fitted(GradcheckMistake mistake, const std::string& fit, double left, const std::string& meaning) {
  return {mistake, fmt::format("{} ({:.1e} of the error unexplained){}", fit, left, meaning), left};
}

namespace {

/// What is not finite explains itself: no fit is looked for.
Diagnosis infinite_elements(const Block& block) {
  const Values& values = block.analytic.values;
  const auto wrong = std::count_if(values.begin(), values.end(), [](double v) { return !std::isfinite(v); });
  if (wrong == 0) return std::nullopt;
  return GradcheckDiagnosis{
      GradcheckMistake::not_finite,
      fmt::format(
          "analytic is NaN or infinite in {} of {} places, where the function's differences are finite: 0 times "
          "infinity, as where a branch that is not taken has no finite slope (where(x > 0, sqrt(x), 0); for tensors "
          "strong_zero keeps it away), or a place that was to be written and was left out or added to",
          wrong, values.size()),
      0.0};
}

}  // namespace

std::optional<GradcheckDiagnosis> diagnose(const Block& block) {
  if (block.analytic.values.empty() || !all_finite(block.numeric.values)) return std::nullopt;
  if (Diagnosis found = infinite_elements(block)) return found;
  const Residual residual(block);
  if (!(residual.norm() > 4.0 * block.numeric_error)) return std::nullopt;
  constexpr std::array kHypotheses = {
      single_precision,   constant_factor,   exchanged_inputs,         sign_of_input,  displaced_elements,
      along_another_axis, missing_elements,  correction_of_size,       missing_branch, factor_of_input,
      correction_terms,   misplaced_epsilon, correction_by_any_factor, other_point};
  for (const auto hypothesis : kHypotheses)
    if (Diagnosis found = hypothesis(block, residual)) return found;
  return std::nullopt;
}

}  // namespace tapegrad::checker
