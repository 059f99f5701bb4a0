#include "norm_study/statistics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <numeric>
#include <vector>

#include "tapegrad/base/error.hpp"

namespace norm_study {

Summary summarize(std::span<const double> values) {
  if (values.empty()) throw tapegrad::ValueError("[summarize] needs at least one value, got none");
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares = 0;
  for (const double v : values) squares += (v - mean) * (v - mean);
  return {mean, values.size() == 1 ? 0.0 : std::sqrt(squares / (n - 1))};
}

double critical_t(int degrees_of_freedom, double confidence) {
  if (degrees_of_freedom < 1 || !(confidence > 0 && confidence < 1)) {
    throw tapegrad::ValueError(
        fmt::format("[critical_t] needs df >= 1 and a confidence in (0, 1), got df {} and confidence {}",
                    degrees_of_freedom, confidence));
  }
  const boost::math::students_t distribution(degrees_of_freedom);
  return boost::math::quantile(boost::math::complement(distribution, (1 - confidence) / 2));
}

PairedInterval paired_interval(std::span<const double> a, std::span<const double> b, double confidence) {
  if (a.size() != b.size() || a.size() < 2) {
    throw tapegrad::ValueError(
        fmt::format("[paired_interval] needs two samples of one length >= 2, got {} and {}", a.size(), b.size()));
  }
  std::vector<double> differences(a.size());
  std::transform(a.begin(), a.end(), b.begin(), differences.begin(), std::minus<>());
  const Summary summary = summarize(differences);
  const int pairs = static_cast<int>(a.size());
  return {pairs, summary.mean, summary.deviation,
          critical_t(pairs - 1, confidence) * summary.deviation / std::sqrt(pairs)};
}

std::string_view outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::confirmed: return "confirmed";
    case Outcome::no_material_difference: return "no material difference";
    case Outcome::reversed: return "reversed";
    case Outcome::inconclusive: return "inconclusive";
    case Outcome::holds: return "holds";
    case Outcome::fails: return "fails";
    case Outcome::not_judged: return "not judged";
  }
  return "not judged";
}

Outcome judge(const PairedInterval& interval, double margin) {
  if (interval.lower() > margin) return Outcome::confirmed;
  if (interval.upper() < -margin) return Outcome::reversed;
  if (interval.lower() >= -margin && interval.upper() <= margin) return Outcome::no_material_difference;
  return Outcome::inconclusive;
}

std::optional<int> pairs_to_settle(const PairedInterval& interval, double margin, double confidence, int most) {
  for (int pairs = 2; pairs <= most; ++pairs) {
    PairedInterval longer = interval;
    longer.half_width = critical_t(pairs - 1, confidence) * interval.deviation / std::sqrt(pairs);
    if (judge(longer, margin) != Outcome::inconclusive) return pairs;
  }
  return std::nullopt;
}

std::optional<std::size_t> unconfirmed_from(std::span<const Outcome> outcomes) {
  std::size_t first = outcomes.size();
  while (first > 0 && outcomes[first - 1] != Outcome::confirmed) --first;
  if (first == outcomes.size()) return std::nullopt;
  return first;
}

Verdict paired_verdict(const PairedInterval& interval, std::string_view unit, double margin) {
  Verdict verdict{.outcome = judge(interval, margin),
                  .detail = fmt::format("{:+.1f} [{:+.1f}, {:+.1f}] {}, {} seeds", interval.mean, interval.lower(),
                                        interval.upper(), unit, interval.pairs)};
  if (verdict.outcome == Outcome::inconclusive) {
    const auto needed = pairs_to_settle(interval, margin);
    verdict.detail +=
        needed ? fmt::format("; if mean and scatter stay as they are, about {} seeds would settle it", *needed)
               : "; if mean and scatter stay as they are, more than 1000 seeds would be needed";
  }
  return verdict;
}

bool ExactCheck::holds() const {
  switch (bound) {
    case Bound::equal_to: return measured == threshold;
    case Bound::at_most: return measured <= threshold;
    case Bound::above: return measured > threshold;
  }
  return false;
}

std::string ExactCheck::text() const {
  const std::string_view wanted = bound == Bound::equal_to ? "=" : bound == Bound::at_most ? "≤" : ">";
  return fmt::format("{} {:.2g} (wanted {} {:.2g})", quantity, measured, wanted, threshold);
}

Verdict exact_verdict(std::span<const ExactCheck> checks, bool by_construction) {
  if (checks.empty()) throw tapegrad::ValueError("[exact_verdict] needs at least one check, got none");
  Verdict verdict{.outcome = Outcome::holds, .detail = {}, .by_construction = by_construction};
  std::string kept, broken;
  for (const ExactCheck& check : checks) {
    std::string& list = check.holds() ? kept : broken;
    list += (list.empty() ? "" : "; ") + check.text();
  }
  verdict.outcome = broken.empty() ? Outcome::holds : Outcome::fails;
  verdict.detail = broken.empty() ? kept : broken;
  return verdict;
}

double larger(double a, double b) { return std::isnan(a) || a > b ? a : b; }

double left_of_ratio(double before, double after) { return std::log(after) / std::log(before); }

double norm_of_others(std::span<const double> squares, std::size_t own) {
  const double all = std::accumulate(squares.begin(), squares.end(), 0.0);
  double others = 0;
  for (std::size_t j = 0; j < squares.size(); ++j) others += j == own ? 0 : squares[j];
  return all == 0 ? 0 : std::sqrt(others / all);
}

}  // namespace norm_study
