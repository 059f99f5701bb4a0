// The forward rule against the reverse rule: J v against the Jacobian's rows where they are known, else
// <u, J v> = <J^T u, v>.
#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <string>

#include "gradcheck/comparison.hpp"
#include "gradcheck/diagnosis.hpp"
#include "gradcheck/directions.hpp"
#include "gradcheck/ranking.hpp"

namespace tapegrad::checker {
namespace {

constexpr int kTangents = 3;  // for each part

/// Which rule the differences side with, from the distances of both to them.
std::string side_taken(double to_forward, double to_reverse) {
  if (std::isfinite(to_forward) && !std::isfinite(to_reverse)) return "the reverse rule is not finite here";
  if (std::isfinite(to_reverse) && !std::isfinite(to_forward)) return "the forward rule is not finite here";
  if (to_forward < to_reverse) return "finite differences side with the forward rule";
  if (to_forward > to_reverse) return "finite differences side with the reverse rule";
  return "";
}

/// The rules' answers with respect to one part.
class ModesOfPart {
 public:
  ModesOfPart(Comparison& comparison, std::size_t part) : c_(comparison), i_(part) {}

  /// <u, dy> with <J^T u, v>, the `gradient` being J^T u.
  void compare_product(const Values& u, const Values& gradient, const Values& v, const Values& dy) {
    compare(weighed_sum(u, dy), gradient, v, weighed_reach(u, dy), c_.rounding.slack_of_sum(u), -1);
  }

  /// dy with the product of the Jacobian's rows and v.
  void compare_rows(const Values& v, const Values& dy) {
    const Matrix& claimed = c_.claimed[i_];
    const double reach = largest(claimed.values);
    for (std::size_t o = 0; o < dy.size(); ++o) {
      if (!std::isfinite(c_.subject.outputs[o])) continue;
      const std::span<const double> row = row_of(claimed, o);
      const bool can_be_told = compare(dy[o], row, v, reach, c_.rounding.slack_at(o), static_cast<std::int64_t>(o));
      if (!was_measured() || !can_be_told) continue;
      const double measured = dot(row_of(c_.numeric[i_], o), v);
      from_forward_ = std::hypot(from_forward_, dy[o] - measured);
      from_reverse_ = std::hypot(from_reverse_, dot(row, v) - measured);
    }
  }

  GradcheckFinding finding() const {
    GradcheckFinding finding = c_.finding_of(i_);
    finding.mode = GradcheckMode::forward;
    finding.with_differences = false;
    ranking_.file(finding);
    if (finding.verdict != Verdict::wrong) return finding;
    finding.diagnosis = diagnosis();
    if (c_.not_linear.contains(i_))
      finding.note =
          "the reverse rule is not linear in the cotangent: its rows are no measure of the forward rule, nor is a "
          "forward rule that is made of it";
    else if (was_measured())
      finding.note = side_taken(from_forward_, from_reverse_);
    return finding;
  }

 private:
  /// A factor that makes what the reverse rule says of what the forward rule does, where the former is right.
  std::optional<GradcheckDiagnosis> diagnosis() const {
    if (c_.is_wrong(i_) || !all_finite(forward_) || !all_finite(expected_)) return std::nullopt;
    Matrix forward(1, forward_.size()), expected(1, expected_.size());
    forward.values = forward_;
    expected.values = expected_;
    const Block block = c_.differences.block(i_, forward, expected, 0.0);
    return constant_factor(block, Residual(block));
  }

  bool was_measured() const { return i_ < c_.numeric.size(); }

  /// A value of the forward rule with <row, v>. Whether there is anything to compare: where a slope is infinite both
  /// modes give infinities or NaN, and the same kind will do.
  bool compare(double forward, std::span<const double> row, const Values& v, double reach, double slack,
               std::int64_t output) {
    double scale = 0.0;
    double expected = 0.0;
    double weights = 0.0;
    for (std::size_t j = 0; j < v.size(); ++j) {
      expected += row[j] * v[j];
      scale += std::abs(row[j] * v[j]);
      weights += std::abs(v[j]);
    }
    if (!std::isfinite(expected) && !std::isfinite(forward)) return false;
    const double tolerance =
        c_.rounding.between_ways(std::max(scale, reach), i_, weights) + norm(v) * c_.rounding.alone(i_, slack);
    const double error = std::abs(forward - expected);
    const bool close = error <= tolerance;
    const double excess = close                  ? (tolerance > 0.0 ? error / tolerance : 0.0)
                          : std::isfinite(error) ? error / tolerance
                                                 : kInfinity;
    forward_.push_back(forward);
    expected_.push_back(expected);
    ++c_.report.comparisons;
    ranking_.add({close ? Verdict::ok : Verdict::wrong, {}, output, forward, expected, tolerance}, excess);
    return true;
  }

  Comparison& c_;
  std::size_t i_;
  Ranking ranking_;
  Values forward_, expected_;  // all that were compared
  double from_forward_ = 0.0;  // by norm, of the differences
  double from_reverse_ = 0.0;
};

}  // namespace

void compare_modes(Comparison& comparison) {
  Subject& subject = comparison.subject;
  Generator of_cotangent = comparison.streams.of(Purpose::forward_cotangent);
  const Values u = over_finite(normal_values(subject.outputs.size(), of_cotangent), subject.outputs);
  const std::vector<Values> gradient = subject.pull_back(u);
  for (std::size_t i = 0; i < subject.parts.size(); ++i) {
    ModesOfPart modes(comparison, i);
    Generator of_tangents = comparison.streams.of(Purpose::tangents, i);
    for (int k = 0; k < kTangents; ++k) {
      const Values v = normal_values(subject.parts[i].values.size(), of_tangents);
      const Values dy = subject.push_forward(i, v);
      if (comparison.claimed.empty()) {
        modes.compare_product(u, gradient[i], v, dy);
      } else {
        modes.compare_rows(v, dy);
      }
    }
    comparison.file(modes.finding(), i);
  }
}

}  // namespace tapegrad::checker
