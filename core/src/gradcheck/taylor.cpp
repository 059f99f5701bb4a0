#include "gradcheck/taylor.hpp"

#include <cmath>

namespace tapegrad::checker {
namespace {

constexpr double kClear = 16.0;  // of noise
constexpr std::size_t kPairs = 5;

/// NaN when the function is not finite there.
double remainder(const Shifted& s, std::size_t o, double y, double derivative) {
  return std::isfinite(s.y[o]) ? std::abs(s.y[o] - y - s.t * derivative) : std::numeric_limits<double>::quiet_NaN();
}

double rate_of(const std::vector<TaylorPoint>& points) {
  std::size_t last = points.size();  // the smallest step that is clear of noise, with its larger neighbours
  for (std::size_t i = points.size(); i-- > 0 && last == points.size();)
    if (points[i].remainder > kClear * points[i].noise) last = i;
  if (last == points.size()) return std::numeric_limits<double>::quiet_NaN();
  std::size_t first = last;
  while (first > 0 && last - first < kPairs && points[first - 1].remainder > kClear * points[first - 1].noise) --first;
  if (first == last) return std::numeric_limits<double>::quiet_NaN();
  return std::log(points[first].remainder / points[last].remainder) / std::log(points[first].step / points[last].step);
}

}  // namespace

TaylorSweep taylor_sweep(const std::vector<Family>& families, std::size_t output, double y, double derivative) {
  TaylorSweep sweep;
  if (!std::isfinite(derivative) || !std::isfinite(y)) return sweep;
  for (const Family& family : families) {
    for (std::size_t k = 0; k < family.steps; ++k) {
      const double right = remainder(family.above[k], output, y, derivative);
      const double left = remainder(family.below[k], output, y, derivative);
      const double most = std::fmax(right, left);
      if (!std::isfinite(most)) continue;
      const double step = family.above[k].t;
      const double noise = family.noise[output];
      sweep.points.push_back({step, most, noise});
      sweep.bound = std::min(sweep.bound, (most + noise) / step);
    }
  }
  sweep.rate = rate_of(sweep.points);
  return sweep;
}

}  // namespace tapegrad::checker
