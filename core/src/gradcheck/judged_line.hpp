// Derivatives along one line, judged by differences that are taken as thoroughly as the verdicts ask for.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <memory>
#include <vector>

#include "gradcheck/judge.hpp"
#include "gradcheck/precision.hpp"
#include "gradcheck/slope.hpp"
#include "gradcheck/taylor.hpp"
#include "tapegrad/gradcheck/report.hpp"

namespace tapegrad::checker {

class JudgedLine {
 public:
  /// Takes no difference unless the point is finite: kNoNumber is the slope then. REQUIRES: `line` and `precision`
  /// outlive this.
  JudgedLine(const Line& line, const Precision& precision, bool finite_point = true);

  /// Judges the derivative of an output, within scales_of(slope). What is not ok is looked at once more, thoroughly,
  /// if it may be, and then by its Taylor remainder; and passes where it is within `slack`, the output's rounding
  /// alone. What is ok because steps for an input of size 1 cannot tell it from zero is judged by steps of the input's
  /// own size, where these can.
  template <class ScalesOf>
  Judgement judge(std::size_t output, double analytic, const ScalesOf& scales_of, double slack, bool may_look_again) {
    Judgement judgement = checker::judge(analytic, slope(output), scales_of(slope(output)));
    if (judgement.verdict == Verdict::ok)
      return may_look_again && may_be_hidden(judgement, output, analytic)
                 ? judge_nearer(judgement, output, analytic, scales_of, slack)
                 : judgement;
    if (may_look_again && look_again()) judgement = checker::judge(analytic, slope(output), scales_of(slope(output)));
    if (judgement.at_kink && refute_kink(output, analytic))
      judgement = checker::judge(analytic, slope(output), scales_of(slope(output)));
    return reconsidered(judgement, output, analytic, slack);
  }

  const Slope& slope(std::size_t output) const {
    return is_nearer(output) ? nearer_->slope(output) : study_.slopes[output];
  }
  bool thorough() const { return thorough_; }
  /// Whether an output is judged by steps of the input's own size, which is far below 1.
  bool is_nearer(std::size_t output) const { return output < is_nearer_.size() && is_nearer_[output]; }

  /// Writes an output's slope and the Taylor test of its derivative into a finding.
  void file(GradcheckFinding& finding, std::size_t output, double analytic) const;

 private:
  /// Whether a derivative is no more than rounding leaves at the smallest steps, all of which are wider than the input.
  bool may_be_hidden(const Judgement& judgement, std::size_t output, double analytic) const;
  template <class ScalesOf>
  Judgement judge_nearer(const Judgement& judgement, std::size_t output, double analytic, const ScalesOf& scales_of,
                         double slack) {
    begin_nearer();
    const Judgement near = nearer_->judge(output, analytic, scales_of, slack, true);
    is_nearer_[output] = is_told(near, nearer_->slope(output), analytic) &&
                         (near.verdict == Verdict::ok || (near.verdict == Verdict::wrong && is_all_seen(output)));
    return is_nearer_[output] ? near : judgement;
  }
  void begin_nearer();
  /// Whether a slope at which the function moves is told to a tenth.
  static bool is_told(const Judgement& judgement, const Slope& slope, double analytic);
  /// Whether no term stands still at such narrow steps, since it is rounded far more coarsely than the others, as log
  /// cosh(x) beside x^2. It would show as noise at wider ones.
  bool is_all_seen(std::size_t output) const;

  bool look_again();
  bool refute_kink(std::size_t output, double analytic);
  Judgement reconsidered(Judgement judgement, std::size_t output, double analytic, double slack) const;
  /// Whether what looks like noise at the smallest steps, too, is as large as the function itself and all that steps
  /// move it, as waves are that are shorter than they: what differences and the remainder do there tells nothing. Not
  /// where that is no more than rounding the input would do to a function of the derivative claimed.
  bool is_drowned(std::size_t output, double analytic) const;
  /// Whether the derivative fits what steps of another size see clearly, as where terms that have cancelled stand still
  /// at the smallest steps while they are divided by the input, or waves of next to no height have such a slope.
  /// Smaller steps do not count where the noise may be that of terms that stand still for them.
  bool is_told_elsewhere(std::size_t output, double analytic) const;
  TaylorSweep taylor(std::size_t output, double analytic) const;

  const Line& line_;
  const Precision& precision_;
  LineStudy study_;
  bool finite_point_;
  bool thorough_ = false;
  Line near_line_ = {};                 // the same, with steps of the input's own size
  std::unique_ptr<JudgedLine> nearer_;  // along that
  std::vector<bool> is_nearer_;         // by output, whether that is what judges it; empty where none has needed it
};

/// The slope as a report shows it: an infinity where it is infinite, NaN where no difference could be taken.
inline double numeric_value(const Slope& slope) {
  if (slope.divergence != 0.0) return std::copysign(kInfinity, slope.divergence);
  return std::isfinite(slope.error) ? slope.value : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace tapegrad::checker
