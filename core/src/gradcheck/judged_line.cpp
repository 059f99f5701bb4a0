#include "gradcheck/judged_line.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <utility>

#include "gradcheck/noise.hpp"
#include "gradcheck/values.hpp"
#include "gradcheck/wording.hpp"

namespace tapegrad::checker {
namespace {

constexpr std::string_view kDrowned =
    "steps move the function by no more than its own noise, as they do where it has waves shorter than they: neither "
    "the differences nor the remainder tell a slope";
constexpr std::string_view kElsewhere =
    "steps of different sizes see different slopes, and the derivative is one of them: terms that cancel may stand "
    "still at the smaller ones, or the function have waves that only these see";

/// The tolerance to which a slope, or the derivative, whichever is larger, is told from zero.
double told_to(const Slope& slope, double analytic) {
  return 0.1 * std::max(std::abs(analytic), std::abs(slope.value));
}

}  // namespace

JudgedLine::JudgedLine(const Line& line, const Precision& precision, bool finite_point)
    : line_(line), precision_(precision), finite_point_(finite_point) {
  if (finite_point_) {
    study_ = study(line_, precision_, false);
  } else {
    study_.slopes.resize(line_.y.size(), kNoNumber);
  }
}

bool JudgedLine::may_be_hidden(const Judgement& judgement, std::size_t output, double analytic) const {
  // Smaller numbers are rounded more coarsely.
  const double moved = std::abs(analytic) * precision_.first_step * line_.own;
  return finite_point_ && line_.own < std::sqrt(precision_.epsilon) * line_.size &&
         moved * precision_.epsilon > precision_.least && judgement.tolerance > told_to(slope(output), analytic);
}

void JudgedLine::begin_nearer() {
  if (nearer_) return;
  near_line_ = line_;
  near_line_.size = line_.own;
  nearer_ = std::make_unique<JudgedLine>(near_line_, precision_);
  is_nearer_.assign(line_.y.size(), false);
}

bool JudgedLine::is_told(const Judgement& judgement, const Slope& slope, double analytic) {
  return slope.value != 0.0 && slope.divergence == 0.0 && judgement.tolerance <= told_to(slope, analytic);
}

bool JudgedLine::is_all_seen(std::size_t output) const {
  constexpr double kWider = 13.0;  // no whole stairs of rounded values
  constexpr double kNoisy = 16.0;  // roundings of the values
  constexpr int kSide = kNoisePoints / 2;
  double spacing = line_.own;
  while (spacing < precision_.first_step * line_.size) {
    std::array<double, kNoisePoints> values{};
    for (int i = 0; i < kNoisePoints; ++i)
      values[static_cast<std::size_t>(i)] = line_.along((i - kSide) * spacing).y[output];
    if (!(noise_of(values) <= kNoisy * precision_.epsilon * largest(values))) return false;
    spacing *= kWider;
  }
  return true;
}

bool JudgedLine::look_again() {
  if (thorough_ || !finite_point_) return false;
  thorough_ = true;
  study_ = study(line_, precision_, true);
  return true;
}

bool JudgedLine::refute_kink(std::size_t output, double analytic) {
  Slope& s = study_.slopes[output];
  if (is_smooth(s, taylor(output, analytic))) s.kink = false;
  return !s.kink;
}

Judgement JudgedLine::reconsidered(Judgement judgement, std::size_t output, double analytic, double slack) const {
  if (judgement.verdict != Verdict::ok && thorough_) {
    judgement = reconsider(judgement, analytic, slope(output), taylor(output, analytic));
    if (judgement.verdict == Verdict::wrong && std::isfinite(analytic)) {
      judgement.why = is_drowned(output, analytic)                                ? kDrowned
                      : !judgement.at_kink && is_told_elsewhere(output, analytic) ? kElsewhere
                                                                                  : std::string_view();
      if (!judgement.why.empty()) judgement.verdict = Verdict::unreliable;
    }
  }
  // Differences cannot tell a derivative of what is rounding alone; here the rule says that there is none.
  if (judgement.verdict == Verdict::unreliable && slack > 0.0 && std::abs(analytic) <= slack)
    judgement.verdict = Verdict::ok;
  return judgement;
}

bool JudgedLine::is_drowned(std::size_t output, double analytic) const {
  constexpr double kOwn = 0.1;
  constexpr double kRoundings = 16.0;
  double range = line_.magnitude[output];
  for (const Family& family : study_.families) {
    for (std::size_t k = 0; k < family.steps; ++k)
      for (const Shifted* const s : {&family.above[k], &family.below[k]})
        range = std::fmax(range, std::abs(s->y[output] - line_.y[output]));
  }
  // A wave of such a slope, in which the input's own rounding is still a small part of a period, moves further.
  const double rounded = precision_.epsilon * line_.size * std::abs(analytic);
  return study_.families.back().noise[output] > kOwn * range && range > kRoundings * rounded;
}

bool JudgedLine::is_told_elsewhere(std::size_t output, double analytic) const {
  constexpr double kHidden = 64.0;  // roundings of terms as large as 1 or as the output, that may have cancelled
  const Slope& taken = slope(output);
  if (!std::isfinite(taken.error) || taken.divergence != 0.0) return false;
  const double y = line_.y[output];
  const double hidden = kHidden * precision_.epsilon * std::max(1.0, std::abs(y));
  const double moved = std::abs(taken.value - analytic) * taken.step;
  const double explained = rounding_of_quotients(precision_.epsilon, y, line_.own);
  return std::any_of(study_.families.begin(), study_.families.end(), [&](const Family& family) {
    const auto tells = [&](const Family& steps) {
      return is_told_by(slope_of(steps, output, y, precision_), analytic, taken);
    };
    const bool smaller = family.above[0].t < taken.step;
    if (smaller ? family.noise[output] <= hidden : moved > explained) return false;
    return tells(family) && tells(beside(family, line_, precision_));
  });
}

TaylorSweep JudgedLine::taylor(std::size_t output, double analytic) const {
  // Rounding may have left a little more of a step than was taken.
  const double step = slope(output).step;
  return taylor_sweep(study_.families, output, line_.y[output], analytic, step > 0.0 ? 1.01 * step : kInfinity);
}

void JudgedLine::file(GradcheckFinding& finding, std::size_t output, double analytic) const {
  if (is_nearer(output)) return nearer_->file(finding, output, analytic);
  const Slope& s = slope(output);
  TaylorSweep sweep = taylor(output, analytic);
  finding.slope_below = s.below;
  finding.slope_above = s.above;
  finding.step = s.step;
  finding.rate = sweep.rate;
  finding.sweep = std::move(sweep.points);
  if (s.divergence != 0.0)
    finding.note = kInfiniteSlope;
  else if (s.one_sided)
    finding.note = kOneSided;
}

}  // namespace tapegrad::checker
