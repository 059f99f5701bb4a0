#include "gradcheck/taylor.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

namespace tapegrad::checker {
namespace {

constexpr double kClear = 16.0;  // of noise
constexpr std::size_t kPairs = 5;

/// With its sign. NaN when the function is not finite there.
double remainder(const Shifted& s, std::size_t o, double y, double derivative) {
  return std::isfinite(s.y[o]) ? s.y[o] - y - s.t * derivative : std::numeric_limits<double>::quiet_NaN();
}

/// The smallest step that is clear of noise and its larger neighbours, as long as they are too.
std::span<const TaylorPoint> clear_of_noise(const std::vector<TaylorPoint>& points) {
  const auto clear = [](const TaylorPoint& p) { return std::abs(p.remainder) > kClear * p.noise; };
  std::size_t end = points.size();
  while (end > 0 && !clear(points[end - 1])) --end;
  std::size_t begin = end;
  while (begin > 0 && end - begin <= kPairs && clear(points[begin - 1])) --begin;
  return std::span(points).subspan(begin, end - begin);
}

double rate_of(const std::vector<TaylorPoint>& points) {
  const std::span<const TaylorPoint> clear = clear_of_noise(points);
  if (clear.size() < 2) return std::numeric_limits<double>::quiet_NaN();
  const TaylorPoint& first = clear.front();
  const TaylorPoint& last = clear.back();
  return std::log(first.remainder / last.remainder) / std::log(first.step / last.step);
}

/// What is left of each two neighbours' odd remainders, which change their sign with t, when t^3 is removed.
std::vector<TaylorPoint> extrapolated(const std::vector<TaylorPoint>& odd) {
  std::vector<TaylorPoint> points;
  for (std::size_t k = 1; k < odd.size(); ++k) {
    const double ratio = odd[k - 1].step / odd[k].step;
    const double slope = odd[k].remainder / odd[k].step;
    const double change = slope - odd[k - 1].remainder / odd[k - 1].step;
    points.push_back({odd[k].step, odd[k].step * (slope + change / (ratio * ratio - 1.0)), odd[k].noise});
  }
  return points;
}

bool in_proportion_to_the_step(const std::vector<TaylorPoint>& points) {
  constexpr std::size_t kEnough = 4;
  constexpr double kSame = 1.2;
  std::span<const TaylorPoint> clear = clear_of_noise(points);
  if (clear.size() < kEnough) return false;
  clear = clear.last(kEnough);
  return std::all_of(clear.begin(), clear.end(), [&](const TaylorPoint& p) {
    const double share = (p.remainder / p.step) / (clear.front().remainder / clear.front().step);
    return share < kSame && share > 1.0 / kSame;
  });
}

}  // namespace

TaylorSweep taylor_sweep(const std::vector<Family>& families, std::size_t output, double y, double derivative,
                         double widest) {
  TaylorSweep sweep;
  std::vector<TaylorPoint> odd;
  double before = sweep.bound;
  if (!std::isfinite(derivative) || !std::isfinite(y)) return sweep;
  for (const Family& family : families) {
    for (std::size_t k = 0; k < family.steps; ++k) {
      const double right = remainder(family.above[k], output, y, derivative);
      const double left = remainder(family.below[k], output, y, derivative);
      const double most = std::fmax(std::abs(right), std::abs(left));
      if (!std::isfinite(most)) continue;
      const double step = family.above[k].t;
      const double noise = family.noise[output];
      sweep.points.push_back({step, most, noise});
      odd.push_back({step, 0.5 * (right - left), noise});
      const double here = (most + noise) / step;
      if (step <= widest) sweep.bound = std::min(sweep.bound, here);
      sweep.bound_of_two = std::min(sweep.bound_of_two, std::max(here, before));
      before = here;
    }
  }
  sweep.rate = rate_of(sweep.points);
  sweep.misses_steadily = in_proportion_to_the_step(extrapolated(odd));
  return sweep;
}

}  // namespace tapegrad::checker
