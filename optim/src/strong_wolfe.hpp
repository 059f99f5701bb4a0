// A line search: along a direction of descent, a step after which a function is lower, and its slope flatter.
#pragma once

#include <cstdint>

#include "tapegrad/base/callable.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad::optim {

/// A function of one number, the step, and what is known of it there.
struct LinePoint {
  double step = 0.0;
  double value = 0.0;
  double slope = 0.0;
  /// Comes back with the point that is chosen: for a function that is one of a vector, its gradient.
  Tensor gradient = {};
};

/// Whether value and slope are finite.
bool is_finite(const LinePoint& point);

struct StrongWolfeOptions {
  double first = 1.0;                 ///< the first step that is tried
  double c1 = 1e-4;                   ///< the share of the decrease that the first slope promises
  double c2 = 0.9;                    ///< the share of the first slope that may be left
  std::int64_t max_evaluations = 25;  ///< of the function
  double shortest = 0.0;              ///< the search ends with a bracket that is no longer
};

/// A step a > 0 with the strong Wolfe conditions
///
///   f(a) <= f(0) + c1 a f'(0),   |f'(a)| <= c2 |f'(0)|:
///
/// Nocedal and Wright, Numerical Optimization, 2nd edition, 2006, algorithms 3.5 (line search) and 3.6 (zoom), with the
/// minimiser of the cubic through two points' values and slopes (equation 3.59) for the next step. A step is prolonged
/// by between 1.1 and 4 times its last growth, as by Moré and Thuente, "Line search algorithms with guaranteed
/// sufficient decrease", ACM Transactions on Mathematical Software 20, 1994. A bracket is cut no nearer than a tenth to
/// its ends, and in the middle where the cubic has no minimum. A point that is not finite counts as too high. Two
/// points of one value are told apart by their slopes (in the book the later counts as too high): near a minimum,
/// values are the same to rounding before slopes are zero.
///
/// `start` is the function at step 0. The point that is given fulfils the conditions, or, where the search has ended
/// before, the first of them, and is the lowest of those that were found; `start` itself where there is none.
/// REQUIRES: start.slope < 0, first >= 0.
LinePoint strong_wolfe(const Callable<LinePoint(double step)>& function, const LinePoint& start,
                       const StrongWolfeOptions& options = {});

}  // namespace tapegrad::optim
