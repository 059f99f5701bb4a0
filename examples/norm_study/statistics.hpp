// Statistics of the study: intervals of paired differences, the verdict rule, checks against exact thresholds.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace norm_study {

struct Summary {
  double mean = 0;
  double deviation = 0;  // sample standard deviation (n - 1); 0 for a single value
};

/// Throws tapegrad::ValueError on an empty sample.
Summary summarize(std::span<const double> values);

/// The two-sided critical value of Student's t: P(|T| <= t) = confidence. Throws tapegrad::ValueError for df < 1 or a
/// confidence outside (0, 1).
double critical_t(int degrees_of_freedom, double confidence = 0.95);

/// Interval of the mean of paired differences (same seed on both sides).
struct PairedInterval {
  int pairs = 0;
  double mean = 0;
  double deviation = 0;   // of the differences
  double half_width = 0;  // critical t times deviation / sqrt(pairs)

  double lower() const { return mean - half_width; }
  double upper() const { return mean + half_width; }
};

/// Differences a[i] - b[i]. Throws tapegrad::ValueError unless both have the same length, at least 2.
PairedInterval paired_interval(std::span<const double> a, std::span<const double> b, double confidence = 0.95);

enum class Outcome {
  confirmed,               // the interval lies wholly above +margin
  no_material_difference,  // wholly within [-margin, +margin]
  reversed,                // wholly below -margin
  inconclusive,            // none of these
  holds,                   // exact claims: every threshold is kept
  fails,                   // exact claims: a threshold is broken
  not_judged,              // too short a training for a verdict
};

std::string_view outcome_name(Outcome outcome);

struct Verdict {
  Outcome outcome = Outcome::not_judged;
  std::string detail;            // "+6.5 [+5.1, +7.9] points, 3 seeds"
  bool by_construction = false;  // the number shows that the implementation is right, not that the world is so
};

/// The margin within which two accuracies count as equal, in points.
inline constexpr double kMargin = 0.5;

/// The rule of the study. Positive differences speak for the claim.
Outcome judge(const PairedInterval& interval, double margin = kMargin);

/// The number of pairs at which an interval of the same mean and deviation no longer crosses a border of the rule;
/// nothing if that takes more than `most` (the mean lies on a border or too near it).
std::optional<int> pairs_to_settle(const PairedInterval& interval, double margin = kMargin, double confidence = 0.95,
                                   int most = 1000);

/// From which index on no outcome is `confirmed`; nothing if the last one is.
std::optional<std::size_t> unconfirmed_from(std::span<const Outcome> outcomes);

/// The rule's outcome with its numbers in words; for an inconclusive one also how many seeds would settle it.
Verdict paired_verdict(const PairedInterval& interval, std::string_view unit = "points", double margin = kMargin);

enum class Bound { equal_to, at_most, above };

/// One measured quantity against its exact threshold.
struct ExactCheck {
  std::string quantity;  // "largest |mean| of a token after LayerNorm"
  double measured = 0;
  Bound bound = Bound::at_most;
  double threshold = 0;

  bool holds() const;  // false for a measured NaN
  std::string text() const;
};

/// `holds` if every check does, otherwise `fails`, with the broken ones named in the detail. Throws
/// tapegrad::ValueError without checks.
Verdict exact_verdict(std::span<const ExactCheck> checks, bool by_construction);

/// The larger one; NaN where either is, which std::max may lose.
double larger(double a, double b);

/// What is left of a ratio (above 1) on the scale of logarithms: 0 where it has become 1, 1 where it has stayed.
double left_of_ratio(double before, double after);

/// Of the squared norms of parts: the norm of all but part `own` over the norm of all; 0 where all are 0.
double norm_of_others(std::span<const double> squares, std::size_t own);

}  // namespace norm_study
