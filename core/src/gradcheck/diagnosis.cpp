#include "gradcheck/diagnosis.hpp"

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

double Residual::unexplained(const Matrix& predicted) const {
  double squares = 0.0;
  for (std::size_t k = 0; k < predicted.values.size(); ++k) {
    const double left = block_.analytic.values[k] - predicted.values[k];
    squares += left * left;
  }
  return std::sqrt(squares) / norm_;
}

std::optional<GradcheckDiagnosis> diagnose(const Block& block) {
  if (block.analytic.values.empty() || !all_finite(block.analytic.values) || !all_finite(block.numeric.values))
    return std::nullopt;
  const Residual residual(block);
  if (!(residual.norm() > 4.0 * block.numeric_error)) return std::nullopt;
  constexpr std::array kHypotheses = {single_precision,         constant_factor,    displaced_elements,
                                      missing_elements,         correction_of_size, missing_branch,
                                      factor_of_input,          correction_terms,   misplaced_epsilon,
                                      correction_by_any_factor, other_point};
  for (const auto hypothesis : kHypotheses)
    if (Diagnosis found = hypothesis(block, residual)) return found;
  return std::nullopt;
}

}  // namespace tapegrad::checker
