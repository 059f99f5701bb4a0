// Which known mistake explains a residual: hypotheses fitted to a block of the Jacobian, analytic and numeric. No
// diagnosis is better than a wrong one: a fit counts only when next to nothing of the residual is left.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>

#include "gradcheck/block.hpp"
#include "tapegrad/gradcheck/report.hpp"

namespace tapegrad::checker {

/// The first hypothesis, in order of rising freedom, that explains the block; nothing when none does.
std::optional<GradcheckDiagnosis> diagnose(const Block& block);

using Diagnosis = std::optional<GradcheckDiagnosis>;

/// What a fit shows, told with the share of the residual that it leaves, and then what that means.
GradcheckDiagnosis fitted(GradcheckMistake mistake, const std::string& fit, double left,
                          const std::string& meaning = "");

/// What all hypotheses share: the residual, its size and how much of it a fit may leave.
class Residual {
 public:
  explicit Residual(const Block& block);

  const Matrix& matrix() const { return residual_; }  // analytic - numeric
  double norm() const { return norm_; }
  double allowed() const { return allowed_; }                     // the share of the norm that a fit may leave
  bool allows(double left) const { return left <= allowed_; }     // no NaN, whatever it was made of
  double negligible() const { return negligible_beside(size_); }  // an element this small is zero
  /// The same beside elements of this size.
  double negligible_beside(double size) const { return std::max(1e-7 * size, noise_); }
  /// The share of the residual that is left when `predicted` stands for the analytic block.
  double unexplained(const Matrix& predicted) const { return share(block_.analytic, predicted); }
  /// The same when analytic - numeric is said to be `error`.
  double left_by(const Matrix& error) const { return share(residual_, error); }
  /// How far two matrices are apart, by norm, as a share of the residual.
  double share(const Matrix& a, const Matrix& b) const;
  /// fitted(), where the fit may leave this much.
  Diagnosis diagnose(GradcheckMistake mistake, double left, const std::string& fit,
                     const std::string& meaning = "") const;
  /// Likewise of a fit for the analytic block.
  Diagnosis diagnose(GradcheckMistake mistake, const Matrix& predicted, const std::string& fit,
                     const std::string& meaning = "") const {
    return diagnose(mistake, unexplained(predicted), fit, meaning);
  }

 private:
  const Block& block_;
  Matrix residual_;
  double norm_ = 0.0;
  double allowed_ = 0.0;
  double size_ = 0.0;   // of the largest element, analytic or numeric
  double noise_ = 0.0;  // what an element of the numeric block may be of error alone
};

/// How many elements are not negligible.
inline std::size_t count_clear(const Matrix& m, double negligible) {
  return static_cast<std::size_t>(
      std::count_if(m.values.begin(), m.values.end(), [&](double v) { return std::abs(v) > negligible; }));
}

/// Whether so many elements of either sign show that a mistake goes by the sign: any other may fit a few.
inline bool are_enough(std::size_t positive, std::size_t negative) {
  return std::min(positive, negative) >= 2 && positive + negative >= 6;
}

Diagnosis single_precision(const Block& block, const Residual& residual);  // computed in float32
Diagnosis constant_factor(const Block& block, const Residual& residual);   // and no gradient at all
/// That an input's derivatives are those of the one of this name, and the other way round, but for this share.
GradcheckDiagnosis exchanged_with(const std::string& name, double left);

Diagnosis exchanged_inputs(const Block& block, const Residual& residual);    // the gradients of two inputs
Diagnosis sign_of_input(const Block& block, const Residual& residual);       // |x| in place of x
Diagnosis displaced_elements(const Block& block, const Residual& residual);  // transposed, shifted, in another order
Diagnosis along_another_axis(const Block& block, const Residual& residual);  // spread, summed, coupled
Diagnosis missing_elements(const Block& block, const Residual& residual);    // sums, accumulation, masks
Diagnosis correction_of_size(const Block& block, const Residual& residual);  // of one output
Diagnosis missing_branch(const Block& block, const Residual& residual);      // one use of an input that has several
Diagnosis factor_of_input(const Block& block, const Residual& residual);     // gamma
Diagnosis correction_terms(const Block& block, const Residual& residual);    // of statistics, by a known factor
Diagnosis misplaced_epsilon(const Block& block, const Residual& residual);   // in a normalisation
Diagnosis correction_by_any_factor(const Block& block, const Residual& residual);
Diagnosis other_point(const Block& block, const Residual& residual);  // a stale value

}  // namespace tapegrad::checker
