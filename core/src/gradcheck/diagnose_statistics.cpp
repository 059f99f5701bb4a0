// Correction terms: what statistics add to the derivative of what they are taken off, or divided by. In each group of
// elements that share them, with c = x - mean, a row of the Jacobian is its own element's term and, for all elements of
// the group, level + slope c_j: the mean's term and the variance's; or slope x_j: that of a root mean square.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "gradcheck/diagnosis.hpp"
#include "gradcheck/groupings.hpp"

namespace tapegrad::checker {
namespace {

constexpr double kFormOfTerms = 1e-4;  // of the terms: what may be left of rows that consist of them
constexpr const char* kRootMeanSquare = "root mean square (or length)";

/// What a statistic adds to all elements of a block's rows.
struct Term {
  std::string statistic;
  bool is_mean;  // for certain, and not a sum
  Matrix values;
};

/// Whether the rows are made of the terms alone, their own elements apart.
bool are_all_beside(const Matrix& m, const std::vector<Term>& terms, double error) {
  double squares = 0.0;
  double left = 0.0;
  for (std::size_t o = 0; o < m.rows; ++o) {
    for (std::size_t j = 0; j < m.columns; ++j) {
      if (j == o) continue;
      double sum = 0.0;
      for (const Term& term : terms) sum += term.values(o, j);
      squares += sum * sum;
      left += (m(o, j) - sum) * (m(o, j) - sum);
    }
  }
  return std::sqrt(left) <= kFormOfTerms * std::sqrt(squares) + 4.0 * error;
}

/// Whether no output changes when all elements of a group move alike.
bool is_centred(const Matrix& m, const Grouping& g, double error) {
  Values sums;
  for (std::size_t o = 0; o < m.rows; ++o) {
    sums.push_back(0.0);
    for (const std::size_t j : g.around(o)) sums.back() += m(o, j);
  }
  return norm(sums) <= kFormOfTerms * norm(m.values) + 4.0 * error * std::sqrt(static_cast<double>(m.columns));
}

/// Empty where a row runs over its group in another way, or beyond it.
std::vector<Term> terms_of_mean_and_variance(const Matrix& m, const Grouping& g, const Values& x, double error) {
  const Values c = centred(x, g);
  const bool is_mean = is_centred(m, g, error);
  std::vector<Term> terms = {{is_mean ? "mean" : "sum (or mean)", is_mean, Matrix(m.rows, m.columns)},
                             {"variance", true, Matrix(m.rows, m.columns)}};
  for (std::size_t o = 0; o < m.rows; ++o) {
    const std::optional<Trend> trend = trend_beside(m, o, g, c);
    if (!trend) return {};
    for (const std::size_t j : g.around(o)) {
      terms[0].values(o, j) = trend->level;
      terms[1].values(o, j) = trend->slope * c[j];
    }
  }
  return are_all_beside(m, terms, error) ? terms : std::vector<Term>();
}

/// Likewise.
std::vector<Term> term_of_root_mean_square(const Matrix& m, const Grouping& g, const Values& x, double error) {
  std::vector<Term> terms = {{kRootMeanSquare, false, Matrix(m.rows, m.columns)}};
  for (std::size_t o = 0; o < m.rows; ++o) {
    const std::optional<double> slope = slope_beside(m, o, g, x);
    if (!slope) return {};
    for (const std::size_t j : g.around(o)) terms[0].values(o, j) = *slope * x[j];
  }
  return are_all_beside(m, terms, error) ? terms : std::vector<Term>();
}

/// How many times analytic has a term of numeric.
struct Share {
  double factor = 1.0;
  std::string meaning = {};   // empty where the factor is no known mistake's
  bool is_of_a_mean = false;  // the meaning

  bool is_right() const { return factor == 1.0; }
  bool is_missing() const { return factor == 0.0; }
};

Share share_of(double factor, std::size_t group, double precision) {
  const auto n = static_cast<double>(group);
  const std::array<Share, 7> known = {
      {{0.0, "it is missing"},
       {-1.0, "its sign is flipped"},
       {2.0, "it is counted twice"},
       {n, fmt::format("a sum over {} where a mean belongs", group), true},
       {1.0 / n, fmt::format("divided by {} twice", group), true},
       {n / (n - 1.0), fmt::format("divided by {} where {} belongs", group - 1, group), true},
       {1.0 - 1.0 / n, fmt::format("divided by {} where {} belongs", group, group - 1), true}}};
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

std::string share_text(const Term& term, const Share& share) {
  const char* const link = share.is_of_a_mean && !term.is_mean ? ", perhaps " : ": ";
  return fmt::format("the term of the {} {:.4g} times{}{}", term.statistic, share.factor,
                     share.meaning.empty() ? "" : link, share.meaning);
}

/// That some of the terms have another factor, if that is so.
Diagnosis with_factors(const Block& block, const Residual& residual, const Grouping& g, const std::vector<Term>& terms,
                       bool known) {
  const std::size_t size = g.groups.front().size();
  Matrix predicted = block.numeric;
  std::vector<std::string> missing, texts;
  for (const Term& term : terms) {
    const Share share = fitted_share(block, residual, term.values, size);
    if (share.is_right()) continue;
    if (known && share.meaning.empty()) return std::nullopt;
    if (share.is_missing()) missing.push_back(term.statistic);
    texts.push_back(share_text(term, share));
    for (std::size_t k = 0; k < predicted.values.size(); ++k)
      predicted.values[k] += (share.factor - 1.0) * term.values.values[k];
  }
  if (texts.empty()) return std::nullopt;
  if (missing.size() < texts.size())
    return residual.diagnose(GradcheckMistake::correction_factor, predicted, fmt::format("over {}", axes_text(g)),
                             fmt::format(", analytic has {}", fmt::join(texts, "; ")));
  const std::string what =
      missing.size() == 1 ? "the " + missing.front() : fmt::format("{}", fmt::join(missing, " and "));
  return residual.diagnose(GradcheckMistake::detached_statistics, predicted,
                           fmt::format("over {}, analytic is without the term of {}", axes_text(g), what),
                           fmt::format(": {} treated as constant", what));
}

Diagnosis corrections(const Block& block, const Residual& residual, bool known) {
  if (!may_be_normalised(block) || block.numeric.rows < 2) return std::nullopt;
  const Values& x = block.inputs[block.input].values;
  for (const auto terms_of : {term_of_root_mean_square, terms_of_mean_and_variance})
    for (const Grouping& g : groupings(block.input_shape))
      if (Diagnosis found = with_factors(block, residual, g, terms_of(block.numeric, g, x, block.numeric_error), known))
        return found;
  return std::nullopt;
}

/// A way to move the elements of each group that a function of one output may not notice.
struct Motion {
  std::vector<Values> along;  // orthogonal in each group
  double unnoticed;           // what eps may leave of the derivative, in units of its norm
  const char* form;           // of an error along it
  const char* meaning;
};

/// The part of a single row that lies, group by group, along a motion.
Matrix projected(const Matrix& row, const Grouping& g, const Motion& motion) {
  Matrix result(1, row.columns);
  for (const Values& along : motion.along) {
    for (const std::vector<std::size_t>& group : g.groups) {
      double product = 0.0;
      double squares = 0.0;
      for (const std::size_t j : group) {
        product += row(0, j) * along[j];
        squares += along[j] * along[j];
      }
      for (const std::size_t j : group) result(0, j) += squares > 0.0 ? product / squares * along[j] : 0.0;
    }
  }
  return result;
}

/// The function does not notice a motion, and the rule says it does. With one output a term's size is not known beside
/// the rest: whatever its factor, the same kind of error is left.
Diagnosis not_invariant(const Block& block, const Residual& residual, const Grouping& g, const Motion& motion) {
  Matrix predicted = projected(residual.matrix(), g, motion);
  for (std::size_t k = 0; k < predicted.values.size(); ++k) predicted.values[k] += block.numeric.values[k];
  const double left = residual.unexplained(predicted);
  if (!residual.allows(left)) return std::nullopt;
  const double own = norm(projected(block.numeric, g, motion).values);
  if (own > motion.unnoticed * norm(block.numeric.values) + 4.0 * block.numeric_error) return std::nullopt;
  return GradcheckDiagnosis{GradcheckMistake::correction_factor,
                            fmt::format("analytic - numeric is {} over {} ({:.1e} of it unexplained), and numeric has "
                                        "nothing of that: {}",
                                        motion.form, axes_text(g), left, motion.meaning),
                            left};
}

Motion size_motion(const Values& x, const Grouping&) {
  return {{x},
          1e-3,
          "in proportion to the input",
          "the function does not change with the size of a group, as where the term of a root mean square (or length) "
          "that it is divided by is missing, or has another factor, or a term in the input itself (weight decay) is "
          "added"};
}

Motion mean_motion(const Values& x, const Grouping&) {
  return {{Values(x.size(), 1.0)},
          1e-6,
          "the same for all elements of a group",
          "the function does not change when the elements of a group move alike, as where the term of a mean, or of a "
          "softmax's sum, is missing, or has another factor, or a constant is added"};
}

Motion spread_motion(const Values& x, const Grouping& g) {
  return {{centred(x, g)},
          2e-2,
          "in proportion to input - mean in each group",
          "the function does not change with the spread of a group, as where the term of a variance is missing, or has "
          "another factor"};
}

Motion mean_and_spread_motion(const Values& x, const Grouping& g) {
  return {{Values(x.size(), 1.0), centred(x, g)},
          2e-2,
          "level + slope × (input - mean) in each group",
          "the function changes neither when the elements of a group move alike nor with their spread, as where the "
          "terms of mean and variance are missing, or have other factors"};
}

template <class... MotionOf>
Diagnosis unnoticed_motion(const Block& block, const Residual& residual, MotionOf... motions) {
  constexpr std::size_t kFew = 3;
  if (block.numeric.rows != 1 || count_clear(block.numeric, residual.negligible()) < kFew) return std::nullopt;
  const Values& x = block.inputs[block.input].values;
  for (const auto motion_of : {motions...})
    for (const Grouping& g : groupings(block.input_shape))
      if (Diagnosis found = not_invariant(block, residual, g, motion_of(x, g))) return found;
  return std::nullopt;
}

}  // namespace

Diagnosis correction_of_size(const Block& block, const Residual& residual) {
  return unnoticed_motion(block, residual, size_motion);
}

Diagnosis correction_terms(const Block& block, const Residual& residual) {
  if (block.numeric.rows != 1) return corrections(block, residual, true);
  return unnoticed_motion(block, residual, mean_motion, spread_motion, mean_and_spread_motion);
}

Diagnosis correction_by_any_factor(const Block& block, const Residual& residual) {
  return corrections(block, residual, false);
}

}  // namespace tapegrad::checker
