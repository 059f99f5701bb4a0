// One product beside the point, where a rule that keeps something of its first call is wrong.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

#include "gradcheck/comparison.hpp"
#include "gradcheck/directions.hpp"
#include "gradcheck/judged_line.hpp"
#include "gradcheck/ranking.hpp"

namespace tapegrad::checker {
namespace {

/// A number that float32 has, too, where it has one near: some rules see no other.
double for_either_precision(double x) {
  const double size = std::abs(x);
  const bool in_range = size > std::numeric_limits<float>::min() && size < std::numeric_limits<float>::max();
  return in_range ? static_cast<double>(static_cast<float>(x)) : x;
}

/// A part's values, each finite element moved by 1/16 to 1/8 of its size: far enough for a rule that has stood still to
/// show, near enough for most domains.
Values moved_aside(const Part& part, Generator& generator) {
  const double common = largest(part.values) > 0.0 ? largest(part.values) : 1.0;
  Values moved = part.values;
  for (double& x : moved) {
    const double share = (1.0 + generator.uniform()) / 16.0;
    const double size = x != 0.0 ? std::abs(x) : common;
    const double sign = generator.uniform() < 0.5 ? -1.0 : 1.0;
    if (std::isfinite(x)) x = for_either_precision(x + sign * share * size);
  }
  return moved;
}

/// Whether the point's own comparisons say that the rule is right there.
bool is_right_at_the_point(const Comparison& c) {
  return std::all_of(c.report.findings.begin(), c.report.findings.end(),
                     [](const GradcheckFinding& f) { return f.verdict <= Verdict::vacuous; });
}

/// A second point, at which one part has been moved, with the function's values and the rule's gradient for one
/// cotangent.
class PointBeside {
 public:
  PointBeside(Comparison& comparison, std::size_t part)
      : c_(comparison), i_(part), generator_(c_.streams.of(Purpose::beside, part)) {
    for (const Part& each : c_.subject.parts) values_.push_back(each.values);
    values_[i_] = moved_aside(c_.subject.parts[i_], generator_);
    ++c_.report.calls;
    const Values outputs = c_.subject.call_at(values_);
    u_ = over_finite(normal_values(outputs.size(), generator_), outputs);
    if (!std::any_of(u_.begin(), u_.end(), [](double weight) { return weight != 0.0; })) return;
    if (const std::vector<Values> gradients = c_.subject.pull_back_at(values_, u_); !gradients.empty())
      gradient_ = gradients[i_];
    y_ = weighed_sum(u_, outputs);
    magnitude_ = weighed_reach(u_, outputs);
  }

  /// Files what is clearly wrong with a gradient that has not moved with its part. Of one that has, a rule may be wrong
  /// here and right: weights that sum to 1, a mask of 0 and 1, a matrix that is symmetric are no longer so.
  void compare() {
    const Part& part = c_.subject.parts[i_];
    const Values& gradient = gradient_;
    if (gradient.empty() || !all_finite(gradient) || c_.subject.pull_back(u_)[i_] != gradient) return;
    const Values d = over_finite(normal_values(part.values.size(), generator_), part.values);
    double reach = 0.0;
    for (std::size_t j = 0; j < d.size(); ++j) reach += std::abs(gradient[j] * d[j]);
    const double analytic = dot(gradient, d);
    const double own = largest(values_[i_]);
    const double size = c_.rounding.input_size(i_);
    const Values y{y_}, magnitude{magnitude_};
    const Line line{.along = [&](double t) { return along(d, t); },
                    .y = y,
                    .magnitude = magnitude,
                    .reach = magnitude,
                    .unrest = {},
                    .size = size,
                    .own = own > 0.0 ? own : 1.0,
                    .mixed = own};
    JudgedLine judged(line, c_.precision);
    const auto scales_of = [&](const Slope& slope) {
      Scales scales = c_.rounding.scales(i_, reach, magnitude_ / size, 0.0, slope);
      scales.alone = scales.floor;  // of a sum no term is alone
      return scales;
    };
    const Judgement judgement = judged.judge(0, analytic, scales_of, 0.0, true);
    const double numeric = numeric_value(judged.slope(0));
    if (judgement.verdict != Verdict::wrong || judgement.at_kink || judged.slope(0).one_sided) return;
    if (!is_clear(judgement, analytic, numeric, reach)) return;
    GradcheckFinding finding = c_.finding_of(i_);
    judged.file(finding, 0, analytic);
    if (!(std::abs(finding.rate - 1.0) < kFirstOrder)) return;
    Ranking ranking;
    ranking.add({Verdict::wrong, {}, -1, analytic, numeric, judgement.tolerance}, judgement.excess);
    ranking.file(finding);
    finding.note =
        "the rule is right at the point, and not at a second one beside it, at which each element of this input has "
        "been moved by 1/16 to 1/8 of its size (a zero by that of the largest)";
    finding.diagnosis = GradcheckDiagnosis{
        GradcheckMistake::stale_value,
        "analytic is at the second point what it is at the first, to the last bit, where the function's slope has "
        "changed: the rule keeps what an earlier call has saved or computed",
        0.0};
    c_.file(std::move(finding), i_);
  }

 private:
  static constexpr double kFirstOrder = 0.2;  // how far the Taylor rate of a wrong derivative may be from 1

  /// Whether an error is beyond all doubt: it need not be found, as where differences are near a kink or a scale of
  /// the function that the point does not have.
  static bool is_clear(const Judgement& judgement, double analytic, double numeric, double reach) {
    constexpr double kFar = 100.0;  // of the tolerance
    constexpr double kShare = 1e-3;
    const double error = std::abs(analytic - numeric);
    return judgement.excess > kFar && error > kShare * std::max(reach, std::abs(numeric));
  }

  Shifted along(const Values& d, double t) {
    std::vector<Values> moved = values_;
    for (std::size_t j = 0; j < d.size(); ++j)
      if (d[j] != 0.0) moved[i_][j] += t * d[j];
    ++c_.report.calls;
    return {t, {weighed_sum(u_, c_.subject.call_at(moved))}};
  }

  Comparison& c_;
  std::size_t i_;
  Generator generator_;
  std::vector<Values> values_;  // by part
  Values u_;
  Values gradient_;         // empty where the function or the rule refuses
  double y_ = 0.0;          // sum of u y
  double magnitude_ = 0.0;  // of its terms
};

}  // namespace

void compare_beside(Comparison& comparison) {
  if (!is_right_at_the_point(comparison)) return;
  for (std::size_t i = 0; i < comparison.subject.parts.size(); ++i) PointBeside(comparison, i).compare();
}

}  // namespace tapegrad::checker
