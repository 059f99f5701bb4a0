// From an analytic and a numeric value to a verdict.
#pragma once

#include <string_view>

#include "gradcheck/slope.hpp"
#include "gradcheck/taylor.hpp"
#include "tapegrad/gradcheck/verdict.hpp"

namespace tapegrad::checker {

/// What the tolerance of a comparison is in proportion to.
struct Scales {
  double block = 0.0;    // the size of the derivatives around
  double natural = 0.0;  // outputs per input
  double floor = 0.0;    // the derivative's own rounding
  double alone = 0.0;    // the same of one that differences see well by itself, however small it is beside the block
  double rough = 0.0;    // the doubt, in units of the block, beyond which differences cannot tell
  double fair = 0.0;     // the doubt, in units of the function's own size, up to which rough differences are enough
  double nothing = 0.0;  // what may be left of terms that cancel, where each is as dx/dx = 1
};

struct Judgement {
  Verdict verdict = Verdict::ok;
  double tolerance = 0.0;
  double excess = 0.0;        // the error in units of the tolerance
  bool significant = false;   // whether either side differs from zero by more than the tolerance
  bool at_kink = false;       // whether the slopes on the two sides differ by more than the tolerance
  std::string_view why = {};  // what keeps the differences from telling, where that is known
};

/// Whether a remainder refutes a kink: it falls below what slopes that differ leave on one of the two sides.
bool is_smooth(const Slope& slope, const TaylorSweep& sweep);

/// Whether the steps of one family tell the derivative, and tell it from the slope that was taken: the function moves
/// otherwise at steps of another size.
bool is_told_by(const Slope& of_family, double analytic, const Slope& taken);

Judgement judge(double analytic, const Slope& slope, const Scales& scales);

/// A second opinion on a judgement that is not ok. Where the remainder of the analytic value falls below what its
/// error would leave, or as a right one's while no error shows beside the curvature, the differences are contradicted:
/// unreliable. Where they are rough, but the remainder falls in proportion to the step and the error is far beyond the
/// doubt: wrong. A kink stays what it is.
Judgement reconsider(const Judgement& judgement, double analytic, const Slope& slope, const TaylorSweep& sweep);

}  // namespace tapegrad::checker
