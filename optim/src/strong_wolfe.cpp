#include "strong_wolfe.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace tapegrad::optim {
namespace {

/// Where the cubic through the values and slopes of two points has its minimum; NaN where it has none.
double cubic_minimiser(const LinePoint& a, const LinePoint& b) {
  const double d1 = a.slope + b.slope - 3.0 * (a.value - b.value) / (a.step - b.step);
  // Of numbers over the largest of them: squares of their own might overflow.
  const double unit = std::max({std::abs(d1), std::abs(a.slope), std::abs(b.slope)});
  const double radicand = (d1 / unit) * (d1 / unit) - (a.slope / unit) * (b.slope / unit);
  const double d2 = std::copysign(unit * std::sqrt(radicand), b.step - a.step);
  return b.step - (b.step - a.step) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2.0 * d2));
}

class StrongWolfeSearch {
 public:
  StrongWolfeSearch(const Callable<LinePoint(double)>& function, const LinePoint& start,
                    const StrongWolfeOptions& options)
      : function_(function), start_(start), options_(options) {}

  /// Algorithm 3.5: longer and longer steps, until the conditions hold or an interval must hold steps where they do.
  LinePoint run() {
    LinePoint before = start_;
    double step = options_.first;
    while (evaluations_ < options_.max_evaluations) {
      LinePoint point = at(step);
      if (is_too_high(point) || point.value > before.value) return zoom(before, point);
      if (is_flat(point)) return point;
      if (point.slope >= 0.0) return zoom(point, before);
      const double growth = point.step - before.step;
      const double least = point.step + 1.1 * growth;
      const double most = point.step + 4.0 * growth;
      const double minimiser = cubic_minimiser(before, point);
      step = minimiser > point.step ? std::clamp(minimiser, least, most) : most;
      before = std::move(point);
    }
    return before;
  }

 private:
  LinePoint at(double step) {
    ++evaluations_;
    return function_(step);
  }

  bool is_too_high(const LinePoint& point) const {
    return !is_finite(point) || point.value > start_.value + options_.c1 * point.step * start_.slope;
  }
  bool is_flat(const LinePoint& point) const { return std::abs(point.slope) <= -options_.c2 * start_.slope; }

  /// Algorithm 3.6. `low` is the lowest of the points so far that are not too high, and its slope falls towards `high`.
  LinePoint zoom(LinePoint low, LinePoint high) {
    while (evaluations_ < options_.max_evaluations) {
      const double length = high.step - low.step;
      const double step = low.step + share_of_bracket(low, high) * length;
      if (std::abs(length) <= options_.shortest || step == low.step || step == high.step) break;
      LinePoint point = at(step);
      if (is_too_high(point) || point.value > low.value) {
        high = std::move(point);
      } else {
        if (is_flat(point)) return point;
        if (point.slope * length >= 0.0) high = std::move(low);
        low = std::move(point);
      }
    }
    return low;
  }

  /// Where the bracket is cut. A cubic to a point that is not finite has no minimum.
  static double share_of_bracket(const LinePoint& low, const LinePoint& high) {
    const double share = (cubic_minimiser(low, high) - low.step) / (high.step - low.step);
    return std::isnan(share) ? 0.5 : std::clamp(share, 0.1, 0.9);
  }

  const Callable<LinePoint(double)>& function_;
  const LinePoint& start_;
  const StrongWolfeOptions& options_;
  std::int64_t evaluations_ = 0;
};

}  // namespace

bool is_finite(const LinePoint& point) { return std::isfinite(point.value) && std::isfinite(point.slope); }

LinePoint strong_wolfe(const Callable<LinePoint(double step)>& function, const LinePoint& start,
                       const StrongWolfeOptions& options) {
  return StrongWolfeSearch(function, start, options).run();
}

}  // namespace tapegrad::optim
