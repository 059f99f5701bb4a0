#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "gradcheck/comparison.hpp"
#include "gradcheck/ranking.hpp"

namespace tapegrad::checker {
namespace {

constexpr std::size_t kMostRows = 512;  // of a block that is diagnosed

/// Why a part's wrong elements are not looked for; empty where they are.
std::string reason_against(const Comparison& c, std::size_t part) {
  if (c.subject.outputs.size() > kMostRows)
    return fmt::format(
        "{} outputs, more than {}, are compared along random directions alone: check a part of them to see which "
        "elements are wrong",
        c.subject.outputs.size(), kMostRows);
  if (!c.differences.affords(part))
    return fmt::format(
        "{} elements are compared along random directions alone: a budget of {} or more shows which are "
        "wrong",
        c.subject.parts[part].values.size(), PlainDifferences::budget_for(c.differences.cost(part)));
  return "";
}

/// By how much more than its tolerance a product differs from what a part's derivatives add up to, in units of their
/// terms; 0 where it is not finite.
double gap(const MeasuredProduct& product, const Matrix& numeric) {
  if (!std::isfinite(product.value)) return 0.0;
  double sum = 0.0;
  double reach = std::abs(product.value);
  for (std::size_t o = 0; o < numeric.rows; ++o) {
    if (product.u[o] == 0.0) continue;
    for (std::size_t j = 0; j < numeric.columns; ++j) {
      const double term = product.u[o] * numeric(o, j) * product.d[j];
      sum += term;
      reach += std::abs(term);
    }
  }
  const double excess = std::abs(sum - product.value) - product.tolerance;
  return excess > 0.0 ? excess / reach : 0.0;
}

/// Plain differences that add up to the product, with steps for inputs as large as 1, or as these are.
std::optional<Matrix> plain_differences(Comparison& c, std::size_t part, const MeasuredProduct& product) {
  constexpr double kClose = 1e-3, kCloseEnough = 1e-7;
  const Values& point = c.subject.parts[part].values;
  const double own = largest(point);
  std::optional<Matrix> closest;
  double least = 1.0;
  double distance = kClose;
  for (const double size : {1.0, own}) {
    if (!(size > 0.0 && size <= 1.0) || (closest && distance <= kCloseEnough)) continue;
    c.differences.count_as(part, size);
    std::optional<Matrix> numeric = c.differences.at(part, part, point);
    const double here = numeric ? gap(product, *numeric) : kInfinity;
    if (!(here <= distance)) continue;
    closest = std::move(numeric);
    distance = here;
    least = size;
  }
  c.differences.count_as(part, least);
  return closest;
}

/// Whether all these elements stand on a kink of their output, to steps of plain differences: what those say is the
/// slope of neither side.
bool stand_on_kinks(Comparison& c, std::size_t part, const std::vector<GradcheckElement>& elements, double scale) {
  constexpr double kClear = 0.1;     // of the scale
  constexpr double kRemains = 0.75;  // of the difference between the sides, at half the step: curvature's is halved
  const Part& p = c.subject.parts[part];
  return std::all_of(elements.begin(), elements.end(), [&](const GradcheckElement& e) {
    const auto o = static_cast<std::size_t>(e.output);
    const auto j = static_cast<std::size_t>(ravel(e.index, p.shape));
    const auto gap = [&](double h) {
      Values moved = p.values;
      double bend = -2.0 * c.subject.outputs[o];
      for (const double t : {h, -h}) {
        moved[j] = p.values[j] + t;
        bend += c.subject.call_with(part, moved)[o];
        ++c.report.calls;
      }
      return std::abs(bend) / h;
    };
    const double h = c.differences.step(part, p.values[j]);
    const double wide = gap(h);
    const double narrow = gap(0.5 * h);
    return narrow > kClear * scale && narrow > kRemains * wide;
  });
}

}  // namespace

void locate(Comparison& comparison, std::size_t i, const MeasuredProduct& worst,
            const std::optional<GradcheckDiagnosis>& exchanged, GradcheckFinding& finding) {
  const auto diagnose_without_elements = [&] {
    finding.diagnosis = comparison.diagnose_cotangent(i);
    if (!finding.diagnosis) finding.diagnosis = exchanged;
  };
  if (std::string reason = reason_against(comparison, i); !reason.empty()) {
    if (finding.note.empty()) finding.note = std::move(reason);
    diagnose_without_elements();
    return;
  }
  const Part& part = comparison.subject.parts[i];
  const std::optional<Matrix> numeric = plain_differences(comparison, i, worst);
  if (!numeric) {
    if (finding.note.empty())
      finding.note =
          "which elements are wrong is not known: plain differences by each do not add up to the derivative along a "
          "direction, as where steps are too wide for the function";
    diagnose_without_elements();
    return;
  }
  const Matrix& claimed = comparison.claimed_rows()[i];
  const Precision& precision = comparison.precision;
  const double scale = std::max(largest(claimed.values), largest(numeric->values));
  const double share = std::cbrt(precision.epsilon) * std::cbrt(precision.epsilon);
  const double rough = share * scale;
  const double rounding = 10.0 * share * largest(comparison.subject.outputs);
  const double tolerance = 100.0 * rough + precision.floor * scale + rounding;
  finding.element_errors.assign(part.values.size(), 0.0);
  Ranking ranking;
  for (std::size_t o = 0; o < claimed.rows; ++o) {
    for (std::size_t j = 0; j < claimed.columns; ++j) {
      note_error(finding.element_errors[j], claimed(o, j), (*numeric)(o, j), scale);
      const double error = std::abs(claimed(o, j) - (*numeric)(o, j));
      const double excess = std::isfinite(error) ? error / tolerance : kInfinity;
      if (excess <= 1.0 || !ranking.would_enter(Verdict::wrong, excess)) continue;
      ranking.add({Verdict::wrong, unravel(static_cast<std::int64_t>(j), part.shape), static_cast<std::int64_t>(o),
                   claimed(o, j), (*numeric)(o, j), tolerance},
                  excess);
    }
  }
  if (ranking.verdict() == Verdict::wrong) {
    finding.worst.clear();
    ranking.file(finding);
    finding.note = "found along random directions, then located element by element";
    if (stand_on_kinks(comparison, i, finding.worst, scale)) {
      finding.note +=
          ": those that are shown stand on a kink of their output, or right beside one, as equal numbers do; plain "
          "differences are the slope of neither side there, and a larger budget compares every element with both";
      diagnose_without_elements();
      return;
    }
  }
  const double error = rough * std::sqrt(static_cast<double>(claimed.values.size()));
  finding.diagnosis = comparison.diagnose_part(i, *numeric, error, exchanged);
}

}  // namespace tapegrad::checker
