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

}  // namespace

void locate(Comparison& comparison, std::size_t i, GradcheckFinding& finding) {
  if (std::string reason = reason_against(comparison, i); !reason.empty()) {
    if (finding.note.empty()) finding.note = std::move(reason);
    finding.diagnosis = comparison.diagnose_cotangent(i);
    return;
  }
  const Part& part = comparison.subject.parts[i];
  const std::optional<Matrix> numeric = comparison.differences.at(i, i, part.values);
  if (!numeric) return;
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
  }
  const double error = rough * std::sqrt(static_cast<double>(claimed.values.size()));
  finding.diagnosis = comparison.diagnose_part(i, *numeric, error);
}

}  // namespace tapegrad::checker
