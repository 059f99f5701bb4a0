#include "gradcheck/slope.hpp"

#include <cmath>

#include "gradcheck/noise.hpp"

namespace tapegrad::checker {
namespace {

bool finite_at(const std::array<Shifted, kSteps>& side, std::size_t o) {
  return std::all_of(side.begin(), side.end(), [o](const Shifted& s) { return std::isfinite(s.y[o]); });
}

/// Ridders' tableau: differences at steps h, h/2, h/4 ..., extrapolated in powers of `ratio` = 2^p for errors in h^p,
/// h^2p ... Keeps in `best` the entry with the smallest estimated error.
template <class Difference, class Width, class Noise>
void extrapolate(const Difference& difference, const Width& width, double ratio, const Noise& noise, Slope& best) {
  std::array<std::array<double, kSteps>, kSteps> a{};
  for (std::size_t k = 0; k < kSteps; ++k) {
    a[0][k] = difference(k) / width(k);
    double power = 1.0;
    for (std::size_t m = 1; m <= k; ++m) {
      power *= ratio;
      a[m][k] = (power * a[m - 1][k] - a[m - 1][k - 1]) / (power - 1.0);
      const double spread = std::max(std::abs(a[m][k] - a[m - 1][k]), std::abs(a[m][k] - a[m - 1][k - 1]));
      const double error = spread + noise(k) / std::abs(width(k));
      if (error < best.error) {
        best.error = error;
        best.value = a[m][k];
        best.step = std::abs(width(k)) * 2.0 / ratio;  // a central difference is two steps wide
      }
    }
  }
}

/// One-sided slopes, extrapolated in h; their difference shrinks with h where the function is smooth. A family whose
/// steps are so small that rounding hides the difference leaves `best` as it is.
void compare_sides(const Family& family, std::size_t o, double y, double noise, double measured, Slope& best) {
  const auto sides = [&](std::size_t k) {
    return std::pair((y - family.below[k].y[o]) / -family.below[k].t, (family.above[k].y[o] - y) / family.above[k].t);
  };
  const auto [below2, above2] = sides(kSteps - 2);
  const auto [below, above] = sides(kSteps - 1);
  const double left = 2.0 * below - below2;
  const double right = 2.0 * above - above2;
  const double size = std::max(std::abs(left), std::abs(right));
  const double gap = std::abs(right - left);
  const double rounding = 8.0 * std::max(noise, measured) / family.above[kSteps - 1].t;
  if (best.kink && gap <= rounding && rounding > 1e-3 * size) return;
  best.below = left;
  best.above = right;
  best.kink = gap > rounding && gap > 1e-3 * size && std::abs(above - below) > 0.75 * std::abs(above2 - below2);
}

/// Whether the values stand still at the smallest step.
bool stands_still(const Family& family, std::size_t o, double y) {
  return family.above[kSteps - 1].y[o] == y || family.below[kSteps - 1].y[o] == y;
}

/// Whether the function moves by nearly as much at half the step: a jump, or steps far beyond the function's own scale.
bool moves_regardless(const Family& family, std::size_t o, double noise) {
  const double rise2 = std::abs(family.above[kSteps - 2].y[o] - family.below[kSteps - 2].y[o]);
  const double rise = std::abs(family.above[kSteps - 1].y[o] - family.below[kSteps - 1].y[o]);
  return rise > 64.0 * noise && rise > 0.75 * rise2;
}

void two_sided(const Family& family, std::size_t o, double y, double noise, double measured, double epsilon,
               Slope& best) {
  // Values that stand still below steps that show a clear slope are a staircase's: too small a step.
  if (best.noisy && best.error < 0.1 * std::abs(best.value) && stands_still(family, o, y)) return;
  if (moves_regardless(family, o, noise)) return;
  extrapolate([&](std::size_t k) { return family.above[k].y[o] - family.below[k].y[o]; },
              [&](std::size_t k) { return family.above[k].t - family.below[k].t; }, 4.0,
              [&](std::size_t k) {
                const double size = std::max(std::abs(family.above[k].y[o]), std::abs(family.below[k].y[o]));
                return std::max({noise, measured, epsilon * size});
              },
              best);
  best.noisy = best.noisy || measured > 4.0 * noise;
  compare_sides(family, o, y, noise, measured, best);
}

/// Where the function is finite on one side only: forward or backward differences. A slope that still grows in
/// proportion when the step shrinks 2^4 times has no limit.
void one_sided(const Family& family, std::size_t o, double y, double noise, Slope& best) {
  const bool above = finite_at(family.above, o);
  const std::array<Shifted, kSteps>& side = above ? family.above : family.below;
  if (!above && !finite_at(side, o)) return;
  best.one_sided = true;
  extrapolate([&](std::size_t k) { return side[k].y[o] - y; }, [&](std::size_t k) { return side[k].t; }, 2.0,
              [noise](std::size_t) { return noise; }, best);
  const auto slope = [&](std::size_t k) { return (side[k].y[o] - y) / side[k].t; };
  bool grows = true;
  for (std::size_t k = 1; k < kSteps; ++k) grows = grows && slope(k) / slope(k - 1) > 1.1;
  best.divergence = grows ? std::copysign(1.0, slope(kSteps - 1)) : 0.0;
}

Family sample(const Along& along, double first) {
  Family family;
  double h = first;
  for (std::size_t k = 0; k < kSteps; ++k, h *= 0.5) {
    family.above[k] = along(h);
    family.below[k] = along(-h);
  }
  return family;
}

/// The noise of each output near the point, measured at a sixteenth of the family's smallest step.
Values measure_noise(const Line& line, double smallest_step) {
  constexpr int kSide = kNoisePoints / 2;
  std::array<Values, kNoisePoints> y;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const int from_point = static_cast<int>(i) - kSide;
    y[i] = from_point == 0 ? line.y : line.along(from_point * smallest_step / 16.0).y;
  }
  Values noise(line.y.size());
  for (std::size_t o = 0; o < noise.size(); ++o) {
    std::array<double, kNoisePoints> values{};
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = y[i][o];
    const double measured = noise_of(values);
    noise[o] = std::isfinite(measured) ? 4.0 * measured : 0.0;
  }
  return noise;
}

}  // namespace

LineStudy study(const Line& line, const Precision& precision, bool thorough) {
  const std::size_t outputs = line.y.size();
  LineStudy result{std::vector<Slope>(outputs), {}};
  std::vector<Slope> sides(outputs);  // from one side, where no step finds the function finite on both
  double first = precision.first_step * std::exp2(std::round(std::log2(line.size)));
  for (int f = 0;; ++f, first /= std::exp2(kFamilyBits)) {
    const bool beyond = f >= precision.families;
    if (f == precision.families) first = std::min(first, precision.first_step * line.own);
    if (beyond && (!thorough || first < 64.0 * precision.epsilon * line.own || f >= 16)) break;
    Family family = sample(line.along, first);
    family.noise.assign(outputs, 0.0);
    const Values measured = thorough ? measure_noise(line, family.above[kSteps - 1].t) : Values(outputs, 0.0);
    double scale = 0.0;
    double error = 0.0;
    for (std::size_t o = 0; o < outputs; ++o) {
      if (!std::isfinite(line.y[o])) continue;
      const double rise = std::abs(family.above[0].y[o] - family.below[0].y[o]);
      const double moved = std::isfinite(rise) ? rise / first : 0.0;
      const double magnitude = beyond ? std::abs(line.y[o]) : line.magnitude[o];
      const double noise = 4.0 * precision.epsilon * (magnitude + (beyond ? line.mixed : line.size) * moved);
      family.noise[o] = std::max(noise, measured[o]);
      if (finite_at(family.above, o) && finite_at(family.below, o)) {
        two_sided(family, o, line.y[o], noise, measured[o], 4.0 * precision.epsilon, result.slopes[o]);
      } else {
        one_sided(family, o, line.y[o], noise, sides[o]);
      }
      scale = std::max({scale, std::abs(result.slopes[o].value), noise / line.size});
      error = std::max(error, result.slopes[o].error);
    }
    result.families.push_back(std::move(family));
    if (!thorough && error <= 1e-2 * std::sqrt(precision.epsilon) * scale) break;
    if (f + 1 >= precision.families && error <= 1e-4 * scale) break;
  }
  for (std::size_t o = 0; o < outputs; ++o)
    if (!std::isfinite(result.slopes[o].error) && sides[o].one_sided) result.slopes[o] = sides[o];
  return result;
}

}  // namespace tapegrad::checker
