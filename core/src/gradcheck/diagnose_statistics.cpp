// Correction terms: what a mean and a variance add to the derivative of what they are taken off and divided by. In each
// group of elements that share statistics, with c = x - mean, a row of the Jacobian is its own element's term and, for
// all elements of the group, level + slope c_j: the mean's term and the variance's.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cmath>
#include <utility>

#include "gradcheck/diagnosis.hpp"
#include "gradcheck/groupings.hpp"

namespace tapegrad::checker {
namespace {

/// The terms of a block's rows, of all their elements.
struct Terms {
  Matrix mean, variance;
};

/// Nothing where a row runs over its group in another way, or beyond it.
std::optional<Terms> terms_of(const Matrix& m, const Grouping& g, const Values& c, double error) {
  Terms terms{Matrix(m.rows, m.columns), Matrix(m.rows, m.columns)};
  double squares = 0.0;
  double left = 0.0;
  for (std::size_t o = 0; o < m.rows; ++o) {
    const std::optional<Trend> trend = trend_beside(m, o, g, c);
    if (!trend) return std::nullopt;
    for (std::size_t j = 0; j < m.columns; ++j) {
      if (g.group_of[j] == g.group_of[o]) {
        terms.mean(o, j) = trend->level;
        terms.variance(o, j) = trend->slope * c[j];
      }
      if (j == o) continue;
      const double term = terms.mean(o, j) + terms.variance(o, j);
      squares += term * term;
      left += (m(o, j) - term) * (m(o, j) - term);
    }
  }
  constexpr double kForm = 1e-4;
  return std::sqrt(left) <= kForm * std::sqrt(squares) + 4.0 * error ? std::optional(std::move(terms)) : std::nullopt;
}

/// How many times analytic has a term of numeric.
struct Share {
  double factor = 1.0;
  std::string meaning = {};  // empty where the factor is no known mistake's

  bool is_right() const { return factor == 1.0; }
  bool is_missing() const { return factor == 0.0; }
};

Share share_of(double factor, std::size_t group, double precision) {
  const auto n = static_cast<double>(group);
  const std::array<Share, 7> known = {
      {{0.0, "it is missing"},
       {-1.0, "its sign is flipped"},
       {2.0, "it is counted twice"},
       {n, fmt::format("a sum over {} where a mean belongs", group)},
       {1.0 / n, fmt::format("divided by {} twice", group)},
       {n / (n - 1.0), fmt::format("divided by {} where {} belongs", group - 1, group)},
       {1.0 - 1.0 / n, fmt::format("divided by {} where {} belongs", group, group - 1)}}};
  for (const Share& share : known)
    if (std::abs(factor - share.factor) <= precision * std::max(1.0, std::abs(share.factor))) return share;
  return {factor};
}

/// The share of a term that the residual tells; 1 where none of it lies along the term.
Share fitted_share(const Block& block, const Residual& residual, const Matrix& term, std::size_t group) {
  const double size = norm(term.values);
  if (!(size > 1e-3 * norm(block.numeric.values))) return {};
  const double more = dot(residual.matrix().values, term.values) / (size * size);
  if (std::abs(more) * size <= residual.allowed() * residual.norm()) return {};
  return share_of(1.0 + more, group, 1e-4 + 4.0 * block.numeric_error / size);
}

std::string share_text(const char* statistic, const Share& share) {
  return fmt::format("the term of the {} {:.4g} times{}{}", statistic, share.factor, share.meaning.empty() ? "" : ": ",
                     share.meaning);
}

Diagnosis corrected(const Block& block, const Residual& residual, const Grouping& g, bool known) {
  const Values c = centred(block.inputs[block.input].values, g);
  const std::optional<Terms> terms = terms_of(block.numeric, g, c, block.numeric_error);
  if (!terms) return std::nullopt;
  const std::size_t size = g.groups.front().size();
  const Share mean = fitted_share(block, residual, terms->mean, size);
  const Share variance = fitted_share(block, residual, terms->variance, size);
  if (mean.is_right() && variance.is_right()) return std::nullopt;
  for (const Share& share : {mean, variance})
    if (known && !share.is_right() && share.meaning.empty()) return std::nullopt;
  Matrix predicted = block.numeric;
  for (std::size_t k = 0; k < predicted.values.size(); ++k)
    predicted.values[k] +=
        (mean.factor - 1.0) * terms->mean.values[k] + (variance.factor - 1.0) * terms->variance.values[k];
  const double left = residual.unexplained(predicted);
  if (left > residual.allowed()) return std::nullopt;
  const auto is_detached = [](const Share& share) { return share.is_right() || share.is_missing(); };
  if (is_detached(mean) && is_detached(variance)) {
    const std::string_view what = variance.is_right() ? "the mean"
                                  : mean.is_right()   ? "the variance"
                                                      : "mean and variance";
    return GradcheckDiagnosis{
        GradcheckMistake::detached_statistics,
        fmt::format(
            "over {}, analytic is without the term of {} ({:.1e} of the error unexplained): {} treated as constant",
            axes_text(g), what, left, what),
        left};
  }
  std::vector<std::string> texts;
  if (!mean.is_right()) texts.push_back(share_text("mean", mean));
  if (!variance.is_right()) texts.push_back(share_text("variance", variance));
  return GradcheckDiagnosis{GradcheckMistake::correction_factor,
                            fmt::format("over {} ({:.1e} of the error unexplained), analytic has {}", axes_text(g),
                                        left, fmt::join(texts, "; ")),
                            left};
}

/// The part of a single row that lies, group by group, along 1 (for the mean) and along c (for the variance).
Matrix projected(const Matrix& row, const Grouping& g, const Values& c, bool mean, bool variance) {
  Matrix result(1, row.columns);
  for (const std::vector<std::size_t>& group : g.groups) {
    double sum = 0.0;
    double product = 0.0;
    double squares = 0.0;
    for (const std::size_t j : group) {
      sum += row(0, j);
      product += row(0, j) * c[j];
      squares += c[j] * c[j];
    }
    const double level = mean ? sum / static_cast<double>(group.size()) : 0.0;
    const double slope = variance && squares > 0.0 ? product / squares : 0.0;
    for (const std::size_t j : group) result(0, j) = level + slope * c[j];
  }
  return result;
}

/// The function does not change when all of a group move together (mean), or away from their mean together (variance),
/// and the rule says it does. With one output a term's size is not known beside the rest: whatever its factor, the same
/// kind of error is left.
Diagnosis not_invariant(const Block& block, const Residual& residual, const Grouping& g, bool mean, bool variance) {
  const Values c = centred(block.inputs[block.input].values, g);
  Matrix predicted = projected(residual.matrix(), g, c, mean, variance);
  for (std::size_t k = 0; k < predicted.values.size(); ++k) predicted.values[k] += block.numeric.values[k];
  const double left = residual.unexplained(predicted);
  if (left > residual.allowed()) return std::nullopt;
  const double invariant = variance ? 2e-2 : 1e-6;  // eps leaves something of the derivative along c
  const double own = norm(projected(block.numeric, g, c, mean, variance).values);
  if (own > invariant * norm(block.numeric.values) + 4.0 * block.numeric_error) return std::nullopt;
  return GradcheckDiagnosis{
      GradcheckMistake::correction_factor,
      fmt::format("analytic - numeric is {} over {} ({:.1e} of it unexplained), and numeric has nothing of that: {} "
                  "missing, or {} another factor",
                  mean && variance ? "level + slope × (input - mean) in each group"
                  : mean           ? "the same for all elements of a group"
                                   : "in proportion to input - mean in each group",
                  axes_text(g), left,
                  mean && variance ? "the terms of mean and variance are"
                  : mean           ? "the term of the mean is"
                                   : "the term of the variance is",
                  mean && variance ? "have" : "has"),
      left};
}

Diagnosis corrections(const Block& block, const Residual& residual, bool known) {
  if (!may_be_normalised(block) || block.numeric.rows < 2) return std::nullopt;
  for (const Grouping& g : groupings(block.input_shape))
    if (Diagnosis found = corrected(block, residual, g, known)) return found;
  return std::nullopt;
}

}  // namespace

Diagnosis correction_terms(const Block& block, const Residual& residual) {
  if (block.numeric.rows != 1) return corrections(block, residual, true);
  constexpr std::size_t kFew = 3;
  if (count_clear(block.numeric, residual.negligible()) < kFew) return std::nullopt;
  for (const auto& [mean, variance] : {std::pair(true, false), std::pair(false, true), std::pair(true, true)})
    for (const Grouping& g : groupings(block.input_shape))
      if (Diagnosis found = not_invariant(block, residual, g, mean, variance)) return found;
  return std::nullopt;
}

Diagnosis correction_by_any_factor(const Block& block, const Residual& residual) {
  return corrections(block, residual, false);
}

}  // namespace tapegrad::checker
