// The Taylor test: with a right derivative the remainder |f(x + t v) - f(x) - t <g, v>| falls with t^2, with a wrong
// one with t.
#pragma once

#include <limits>
#include <vector>

#include "gradcheck/slope.hpp"
#include "tapegrad/gradcheck/report.hpp"

namespace tapegrad::checker {

struct TaylorSweep {
  std::vector<TaylorPoint> points;  // by falling step; the larger remainder of both sides
  /// The power of t at the smallest steps where the remainder stands clear of the noise; NaN when it does nowhere.
  double rate = std::numeric_limits<double>::quiet_NaN();
  /// How far the derivative can be from right: the least (remainder + noise) / t, over steps that are no larger than
  /// those that gave `numeric`: on wider ones a function may be flat that is steep here. Both sides count, so that no
  /// curvature can hide an error.
  double bound = std::numeric_limits<double>::infinity();
  /// The same of two neighbouring steps, the larger. The slopes on the two sides cannot differ by ten times as much: at
  /// one step curvature may hide a kink, at two it cannot.
  double bound_of_two = std::numeric_limits<double>::infinity();
  /// Whether the central differences, extrapolated once, miss the derivative by as much at several steps in a row, the
  /// smallest that are clear of the noise: no curvature does that.
  bool misses_steadily = false;
};

/// `widest` is the largest step that bounds the error.
TaylorSweep taylor_sweep(const std::vector<Family>& families, std::size_t output, double y, double derivative,
                         double widest);

}  // namespace tapegrad::checker
