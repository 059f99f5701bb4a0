// The slope of a function along a line, from its values: Ridders' extrapolated differences, on both sides of the point
// or, where the function ends there, on one; kinks.
#pragma once

#include <array>
#include <functional>
#include <limits>
#include <span>
#include <vector>

#include "gradcheck/precision.hpp"
#include "gradcheck/values.hpp"

namespace tapegrad::checker {

inline constexpr std::size_t kGlance = 3;  // steps of a family, where the function is smooth: enough for order 6

/// The slope of one output along a line through the point.
struct Slope {
  double value = 0.0;
  double error = std::numeric_limits<double>::infinity();  // estimated; infinite where no difference could be taken
  double step = 0.0;                                       // the smallest that `value` came from
  double below = 0.0;                                      // one-sided slopes
  double above = 0.0;
  double sides_error = std::numeric_limits<double>::infinity();  // theirs, estimated
  bool kink = false;                                             // they differ
  bool one_sided = false;                                        // the function is finite on one side only
  bool still = true;                                             // no step has moved the function at all
  double divergence = 0.0;  // -1 or 1 where the differences grow without bound: the sign of the infinite slope
};

/// That along an input which is infinite or NaN, where the output is finite. No difference can be taken there; but what
/// has a finite value at an infinity has no slope that tends to anything else, and what is finite beside a NaN does not
/// depend on it.
inline constexpr Slope kNoNumber{.error = 0.0};

/// Values of all outputs at distance t from the point, and the distance that rounding left of t.
struct Shifted {
  double t = 0.0;
  Values y;
};
using Along = std::function<Shifted(double t)>;

/// Values at steps that halve, on both sides.
struct Family {
  std::array<Shifted, kSteps> above, below;
  /// 1 / t on each side, and 1 / (above - below): what the values of every output are multiplied by.
  std::array<double, kSteps> per_above{}, per_below{}, per_width{};
  std::size_t steps = 0;  // that were taken
  Values rounding;        // of each output's values, as expected
  Values noise;           // of them, as expected or measured: whichever is larger
};

struct Line {
  Along along;
  std::span<const double> y;          // at the point
  std::span<const double> magnitude;  // what the rounding of the outputs is in proportion to
  std::span<const double> reach;      // the same at steps below any size of the input: their sizes, of a sum its terms'
  std::span<const double> unrest;     // how far they have been seen to round, whatever the step; empty: not known
  double size = 1.0;                  // of the input along the line, at least 1: where steps begin
  double own = 1.0;                   // its true size: where they may end
  double mixed = 0.0;                 // the size of what the input is added to and rounded with
};

struct LineStudy {
  std::vector<Slope> slopes;  // by output
  std::vector<Family> families;
};

/// What the steps of one family say by themselves of an output, whose values are taken to be no noisier than they
/// round. No slope where they leave the function's domain.
Slope slope_of(const Family& family, std::size_t output, double y, const Precision& precision);

/// The same number of steps as a family's, which are a little wider, and no powers of two.
Family beside(const Family& family, const Line& line, const Precision& precision);

/// Slopes of all outputs. `thorough` goes through all families of steps, measures the noise of the values, and goes on
/// to steps near rounding while an output's slope is in doubt: for domains and scales much smaller than the input. Else
/// it goes only as far as needed: where the first steps agree, no further.
LineStudy study(const Line& line, const Precision& precision, bool thorough);

}  // namespace tapegrad::checker
