// Products <u, J d> of random cotangents u and directions d, where the Jacobian is too large to compare.
#include <algorithm>
#include <cmath>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "gradcheck/comparison.hpp"
#include "gradcheck/cotangents.hpp"
#include "gradcheck/diagnosis.hpp"
#include "gradcheck/directions.hpp"
#include "gradcheck/judged_line.hpp"
#include "gradcheck/ranking.hpp"

namespace tapegrad::checker {
namespace {

/// The random cotangents u, and for each <u, y> and J^T u.
struct RandomCotangents {
  explicit RandomCotangents(Comparison& c) {
    const Values& outputs = c.subject.outputs;
    Generator generator = c.streams.of(Purpose::cotangents);
    for (int k = 0; k < c.options.directions; ++k) {
      us.push_back(over_finite(direction(k, outputs.size(), generator), outputs));
      gradients.push_back(c.subject.pull_back(us.back()));
    }
    y = products(outputs);
    const Values magnitudes = c.rounding.magnitude();
    for (const Values& u : us) {
      reach.push_back(weighed_reach(u, outputs));
      double most = std::max(reach.back(), c.rounding.slack_of_sum(u) / c.precision.epsilon);
      for (std::size_t o = 0; o < u.size(); ++o)
        if (u[o] != 0.0) most = std::max(most, std::abs(u[o]) * magnitudes[o]);
      magnitude.push_back(most);
      unrest.push_back(c.rounding.unrest_of_sum(u));
    }
  }

  Values products(const Values& outputs) const {
    Values sums;
    for (const Values& u : us) sums.push_back(weighed_sum(u, outputs));
    return sums;
  }

  std::vector<Values> us;
  std::vector<std::vector<Values>> gradients;  // by u and part
  Values y;
  Values magnitude;  // what the rounding of <u, y> is in proportion to
  Values reach;      // the sizes of its terms, added up: where they cancel it rounds as they do
  Values unrest;     // how far it has been seen to round
};

/// The products that belong to one part.
class PartAlongDirections {
 public:
  PartAlongDirections(Comparison& comparison, std::size_t part, const RandomCotangents& cotangents)
      : c_(comparison),
        i_(part),
        part_(c_.subject.parts[part]),
        cotangents_(cotangents),
        size_(c_.rounding.input_size(part)),
        finding_(c_.finding_of(part)),
        evidence_{.compared = !part_.values.empty() && any_finite(c_.subject.outputs)} {}

  void compare() {
    for (std::size_t j = 0; evidence_.compared && j < part_.values.size(); ++j)
      if (!std::isfinite(part_.values[j])) compare_no_number(j);
    Generator generator = c_.streams.of(Purpose::directions, i_);
    for (int k = 0; k < c_.options.directions; ++k)
      compare_along(directions_.emplace_back(over_finite(direction(k, part_.values.size(), generator), part_.values)));
  }

  /// Files the finding; `others`: all parts of the function.
  void file(const std::deque<PartAlongDirections>& others) {
    ranking_.file(finding_);
    c_.judge_vacuity(finding_, i_, evidence_);
    c_.note_no_number(finding_, i_);
    c_.judge_precision(finding_, i_);
    c_.note_other_shapes(finding_);
    c_.judge_what_was_left_out(finding_);
    if (finding_.verdict == Verdict::wrong && !worst_.d.empty()) locate(c_, i_, worst_, exchanged(others), finding_);
    c_.file(std::move(finding_), i_);
  }

 private:
  /// A product as differences along a direction have measured it, and the cotangent's number.
  struct Probe {
    std::size_t direction, cotangent;
    double value;
  };

  /// By how much the gradient that is claimed of part `k` misses the products of this one, of all that were measured.
  double distance(std::size_t k) const {
    Values misses;
    for (const Probe& p : probes_)
      misses.push_back(dot(cotangents_.gradients[p.cotangent][k], directions_[p.direction]) - p.value);
    return norm(misses);
  }

  /// Whether this part and another of its shape have each other's gradient.
  Diagnosis exchanged(const std::deque<PartAlongDirections>& others) const {
    constexpr std::size_t kEnough = 4;
    constexpr double kLeft = 1e-3;
    for (const PartAlongDirections& other : others) {
      if (other.i_ == i_ || other.part_.shape != part_.shape) continue;
      if (std::min(probes_.size(), other.probes_.size()) < kEnough) continue;
      const double left = std::max(distance(other.i_) / distance(i_), other.distance(i_) / other.distance(other.i_));
      if (left <= kLeft) return exchanged_with(other.part_.name, left);
    }
    return std::nullopt;
  }

  Line line_along(const Values& d) const {
    const double own = largest(part_.values);
    return {.along =
                [this, &d](double t) {
                  Values moved = part_.values;
                  for (std::size_t j = 0; j < moved.size(); ++j) moved[j] += t * d[j];
                  ++c_.report.calls;
                  return Shifted{t, cotangents_.products(c_.subject.call_with(i_, moved))};
                },
            .y = cotangents_.y,
            .magnitude = cotangents_.magnitude,
            .reach = cotangents_.reach,
            .unrest = cotangents_.unrest,
            .size = size_,
            .own = own > 0.0 ? own : 1.0,
            .mixed = own};
  }

  /// The derivatives by an element that is infinite or NaN: none of the directions moves it.
  void compare_no_number(std::size_t j) {
    for (std::size_t u = 0; u < cotangents_.us.size(); ++u) {
      const Values& gradient = cotangents_.gradients[u][i_];
      const double analytic = gradient[j];
      const Scales scales = c_.rounding.scales(i_, largest(gradient), cotangents_.magnitude[u] / size_, 0.0, kNoNumber);
      const Judgement judgement = judge(analytic, kNoNumber, scales);
      ++c_.report.comparisons;
      if (judgement.verdict == Verdict::ok) continue;
      ranking_.add({judgement.verdict, unravel(static_cast<std::int64_t>(j), part_.shape), -1, analytic, 0.0,
                    judgement.tolerance},
                   judgement.excess);
    }
  }

  /// The products of all cotangents with one direction.
  void compare_along(const Values& d) {
    const Line line = line_along(d);
    JudgedLine judged(line, c_.precision);
    for (std::size_t u = 0; u < cotangents_.us.size(); ++u) {
      const Values& gradient = cotangents_.gradients[u][i_];
      const double analytic = dot(gradient, d);
      double reach = 0.0;
      for (std::size_t j = 0; j < d.size(); ++j) reach += std::abs(gradient[j] * d[j]);
      const auto scales_of = [&](const Slope& slope) {
        Scales scales = c_.rounding.scales(i_, reach, cotangents_.magnitude[u] / size_, 0.0, slope);
        scales.alone = scales.floor;  // of a sum no term is alone
        return scales;
      };
      const double slack = norm(d) * c_.rounding.slack_of_sum(cotangents_.us[u]) / size_;
      const Judgement judgement = judged.judge(u, analytic, scales_of, slack, true);
      const Slope& slope = judged.slope(u);
      ++c_.report.comparisons;
      if (std::isfinite(numeric_value(slope))) probes_.push_back({directions_.size() - 1, u, slope.value});
      evidence_.steepest = std::max(evidence_.steepest, largest(gradient));
      evidence_.add(judgement, slope, judged.is_nearer(u));
      if (!ranking_.would_enter(judgement.verdict, judgement.excess)) continue;
      if (!ranking_.add({judgement.verdict, {}, -1, analytic, numeric_value(slope), judgement.tolerance},
                        judgement.excess))
        continue;
      judged.file(finding_, u, analytic);
      worst_ = {cotangents_.us[u], d, numeric_value(slope), judgement.tolerance};
    }
  }

  Comparison& c_;
  std::size_t i_;
  const Part& part_;
  const RandomCotangents& cotangents_;
  double size_;  // of the input
  GradcheckFinding finding_;
  Ranking ranking_;
  Evidence evidence_;
  MeasuredProduct worst_;  // empty where no direction is the worst
  std::deque<Values> directions_;
  std::vector<Probe> probes_;
};

/// Cotangents much larger and smaller than one make its gradient as much larger and smaller: a rule that clips its
/// cotangent, or flushes it to zero, may be right for all that are drawn. A power of two rounds nothing. Files what
/// differs.
void expect_proportional(Comparison& c, const RandomCotangents& cotangents) {
  if (!all_finite(c.subject.outputs) || c.sweeps_differ()) return;
  const std::vector<Values>& gradients = cotangents.gradients.front();
  const std::vector<Multiple> multiples =
      multiples_of(c.subject, cotangents.us.front(), {kLargeCotangent, 1.0 / kLargeCotangent});
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    const double tolerance = c.rounding.floor(i, largest(gradients[i])) + c.rounding.coarseness(i);
    c.expect_multiples(i, multiples, gradients[i], Values(gradients[i].size(), tolerance),
                       "the number beside it is what the gradient for a cotangent of ordinary size lets expect");
  }
}

}  // namespace

void compare_products(Comparison& comparison) {
  const RandomCotangents cotangents(comparison);
  std::deque<PartAlongDirections> parts;
  for (std::size_t i = 0; i < comparison.subject.parts.size(); ++i)
    parts.emplace_back(comparison, i, cotangents).compare();
  for (PartAlongDirections& part : parts) part.file(parts);
  expect_proportional(comparison, cotangents);
}

}  // namespace tapegrad::checker
