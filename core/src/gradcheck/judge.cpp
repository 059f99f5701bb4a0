#include "gradcheck/judge.hpp"

#include <algorithm>
#include <cmath>

namespace tapegrad::checker {
namespace {

constexpr double kDoubt = 10.0;  // how many estimated errors the differences may be off

bool lies_between(double value, double a, double b, double slack) {
  return value >= std::min(a, b) - slack && value <= std::max(a, b) + slack;
}

/// Whether differences see a derivative so well that a share of the block, which may be larger by far, is no measure of
/// its error.
bool is_seen_alone(double analytic, const Slope& slope, double doubt) {
  constexpr double kClear = 10.0;  // of the doubt
  constexpr double kShare = 1e-3;
  const double error = std::abs(analytic - slope.value);
  const double size = std::max(std::abs(analytic), std::abs(slope.value));
  return error > kShare * size && std::min(error, std::abs(slope.value)) > kClear * doubt;
}

}  // namespace

bool is_smooth(const Slope& slope, const TaylorSweep& sweep) {
  return sweep.bound_of_two < 0.1 * std::abs(slope.above - slope.below);
}

bool is_told_by(const Slope& of_family, double analytic, const Slope& taken) {
  constexpr double kClear = 1e-2, kSame = 1e-3;  // of the distance between the two
  const double distance = std::abs(taken.value - analytic);
  const double doubt = kDoubt * of_family.error;
  return doubt <= kClear * distance && !of_family.kink && of_family.divergence == 0.0 &&
         std::abs(of_family.value - analytic) <= std::max(doubt, kSame * distance);
}

Judgement judge(double analytic, const Slope& slope, const Scales& scales) {
  if (slope.divergence != 0.0) {
    const bool same = std::isinf(analytic) && std::signbit(analytic) == std::signbit(slope.divergence);
    return {same                      ? Verdict::ok
            : std::isfinite(analytic) ? Verdict::out_of_domain
                                      : Verdict::wrong,  // a NaN, or the other infinity: the sign is known
            0.0, same ? 0.0 : kInfinity, true};
  }
  if (!std::isfinite(slope.error))
    return {std::isnan(analytic) ? Verdict::wrong : Verdict::out_of_domain, 0.0, kInfinity, true};
  const double doubt = kDoubt * slope.error;
  const double tolerance = doubt + (is_seen_alone(analytic, slope, doubt) ? scales.alone : scales.floor);
  const double error = std::abs(analytic - slope.value);
  const bool close = error <= tolerance;
  const double excess = error == 0.0 ? 0.0 : std::isfinite(error) ? error / tolerance : kInfinity;
  Judgement j{Verdict::ok, tolerance, excess, !(std::max(std::abs(analytic), std::abs(slope.value)) <= tolerance)};
  const bool rough = doubt > scales.rough * scales.block;
  // Differences across a kink that happen to agree are no proof; sides that differ by rounding are no kink.
  j.at_kink =
      slope.kink && std::abs(slope.above - slope.below) > std::max(scales.rough * scales.block, 2.0 * tolerance);
  // Beside the function's own size rough differences are enough: for what is zero to rounding, and, where they are
  // small, to a tenth.
  const double natural = std::max(scales.natural, 1.0);
  const bool zero = std::abs(analytic) <= std::max(scales.floor, scales.nothing);
  const bool fair = zero ? doubt <= scales.fair * natural : doubt <= 1e-6 * natural && doubt <= 0.1 * scales.block;
  if (close && !j.at_kink && (!rough || fair)) return j;
  if (j.at_kink) {
    const double size = std::max(std::abs(slope.below), std::abs(slope.above));
    const double known = std::min(slope.sides_error, 2e-3 * std::abs(slope.above - slope.below));
    const double slack = scales.floor + std::max(1e-3 * size, known);
    j.verdict = lies_between(analytic, slope.below, slope.above, slack) ? Verdict::kink : Verdict::wrong;
  } else {
    j.verdict = rough && std::isfinite(analytic) ? Verdict::unreliable : Verdict::wrong;
  }
  return j;
}

Judgement reconsider(const Judgement& judgement, double analytic, const Slope& slope, const TaylorSweep& sweep) {
  Judgement j = judgement;
  if (!std::isfinite(analytic) || j.at_kink || !std::isfinite(slope.error)) return j;
  const double error = std::abs(analytic - slope.value);
  // A remainder that still falls like a right derivative's: the steps never came down to the function's scale, unless
  // it is curvature that hides a small error.
  constexpr double kSecondOrder = 1.7;
  const bool falls_as_if_right = sweep.rate > kSecondOrder && !sweep.misses_steadily;
  if (j.verdict == Verdict::wrong && (sweep.bound < 0.5 * error || falls_as_if_right)) j.verdict = Verdict::unreliable;
  constexpr double kFar = 3.0;
  const bool first_order = std::abs(sweep.rate - 1.0) < 0.2;
  if (j.verdict == Verdict::unreliable && error > kFar * j.tolerance && first_order && sweep.bound >= 0.5 * error)
    j.verdict = Verdict::wrong;
  return j;
}

}  // namespace tapegrad::checker
