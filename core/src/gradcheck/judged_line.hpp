// Derivatives along one line, judged by differences that are taken as thoroughly as the verdicts ask for.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>

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
  /// alone.
  template <class ScalesOf>
  Judgement judge(std::size_t output, double analytic, const ScalesOf& scales_of, double slack, bool may_look_again) {
    Judgement judgement = checker::judge(analytic, slope(output), scales_of(slope(output)));
    if (judgement.verdict == Verdict::ok) return judgement;
    if (may_look_again && look_again()) judgement = checker::judge(analytic, slope(output), scales_of(slope(output)));
    if (judgement.at_kink && refute_kink(output, analytic))
      judgement = checker::judge(analytic, slope(output), scales_of(slope(output)));
    return reconsidered(judgement, output, analytic, slack);
  }

  const Slope& slope(std::size_t output) const { return study_.slopes[output]; }
  bool thorough() const { return thorough_; }

  /// Writes an output's slope and the Taylor test of its derivative into a finding.
  void file(GradcheckFinding& finding, std::size_t output, double analytic) const;

 private:
  bool look_again();
  bool refute_kink(std::size_t output, double analytic);
  Judgement reconsidered(Judgement judgement, std::size_t output, double analytic, double slack) const;
  /// Whether what looks like noise at the smallest steps, too, is as large as the function itself and all that steps
  /// move it, as waves are that are shorter than they: what differences and the remainder do there tells nothing.
  bool is_drowned(std::size_t output) const;
  TaylorSweep taylor(std::size_t output, double analytic) const;

  const Line& line_;
  const Precision& precision_;
  LineStudy study_;
  bool finite_point_;
  bool thorough_ = false;
};

/// The slope as a report shows it: an infinity where it is infinite, NaN where no difference could be taken.
inline double numeric_value(const Slope& slope) {
  if (slope.divergence != 0.0) return std::copysign(kInfinity, slope.divergence);
  return std::isfinite(slope.error) ? slope.value : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace tapegrad::checker
