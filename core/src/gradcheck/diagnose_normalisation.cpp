// Normalisations: statistics treated as constants, eps at another place. Their Jacobians have a known form in each
// group of elements that share statistics, with c = x - mean and n elements:
//   s_o (delta_oj - 1/n - rho c_o c_j / n),   rho = 1 / (variance + eps).
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <map>

#include "gradcheck/diagnosis.hpp"

namespace tapegrad::checker {
namespace {

constexpr std::size_t kLeast = 4;  // elements of a group: three parameters fit any three

/// Elements of the input that share statistics.
struct Grouping {
  std::vector<std::size_t> axes;
  std::vector<std::vector<std::size_t>> groups;
  std::vector<std::size_t> group_of;  // by element
};

/// All ways to group by a set of axes, the largest groups first.
std::vector<Grouping> groupings(const Extents& shape) {
  std::vector<Grouping> list;
  const std::size_t rank = std::min<std::size_t>(shape.size(), 4);
  for (std::size_t set = 1; set < (std::size_t{1} << rank); ++set) {
    Grouping g;
    for (std::size_t d = 0; d < rank; ++d)
      if ((set >> d & 1U) != 0) g.axes.push_back(d);
    std::map<Extents, std::size_t> known;
    for (std::int64_t k = 0; k < count_of(shape); ++k) {
      Extents at = unravel(k, shape);
      for (const std::size_t d : g.axes) at[d] = 0;
      const auto [place, fresh] = known.emplace(at, g.groups.size());
      if (fresh) g.groups.emplace_back();
      g.groups[place->second].push_back(static_cast<std::size_t>(k));
      g.group_of.push_back(place->second);
    }
    if (g.groups.front().size() >= kLeast) list.push_back(std::move(g));
  }
  std::stable_sort(list.begin(), list.end(), [](const Grouping& a, const Grouping& b) {
    return a.groups.front().size() > b.groups.front().size();
  });
  return list;
}

std::string axes_text(const Grouping& g) {
  return g.axes.size() == 1 ? fmt::format("axis {}", g.axes.front()) : fmt::format("axes {}", fmt::join(g.axes, ", "));
}

struct Statistics {
  double mean = 0.0;
  double variance = 0.0;
};

Statistics statistics_of(const Values& x, const std::vector<std::size_t>& group) {
  Statistics s;
  for (const std::size_t j : group) s.mean += x[j];
  s.mean /= static_cast<double>(group.size());
  for (const std::size_t j : group) s.variance += (x[j] - s.mean) * (x[j] - s.mean);
  s.variance /= static_cast<double>(group.size());
  return s;
}

Values centred(const Values& x, const Grouping& g) {
  Values c = x;
  for (const std::vector<std::size_t>& group : g.groups) {
    const double mean = statistics_of(x, group).mean;
    for (const std::size_t j : group) c[j] -= mean;
  }
  return c;
}

/// The part of m that lies, row by row and group by group, along 1 (for the mean) and along c (for the variance).
Matrix projected(const Matrix& m, const Grouping& g, const Values& c, bool mean, bool variance) {
  Matrix result(m.rows, m.columns);
  for (std::size_t r = 0; r < m.rows; ++r) {
    for (const std::vector<std::size_t>& group : g.groups) {
      double sum = 0.0;
      double product = 0.0;
      double squares = 0.0;
      for (const std::size_t j : group) {
        sum += m(r, j);
        product += m(r, j) * c[j];
        squares += c[j] * c[j];
      }
      const double level = mean ? sum / static_cast<double>(group.size()) : 0.0;
      const double slope = variance && squares > 0.0 ? product / squares : 0.0;
      for (const std::size_t j : group) result(r, j) = level + slope * c[j];
    }
  }
  return result;
}

double norm_of(const Matrix& m) { return std::sqrt(dot(m.values, m.values)); }

/// analytic - numeric lies along the statistics' own derivatives, and numeric does not: the function does not change
/// when all of a group move together (mean), or away from their mean together (variance), and the rule says it does.
Diagnosis detached(const Block& block, const Residual& residual, const Grouping& g, bool mean, bool variance) {
  const Values c = centred(block.inputs[block.input].values, g);
  Matrix predicted = projected(residual.matrix(), g, c, mean, variance);
  for (std::size_t k = 0; k < predicted.values.size(); ++k) predicted.values[k] += block.numeric.values[k];
  const double left = residual.unexplained(predicted);
  if (left > residual.allowed()) return std::nullopt;
  constexpr double kInvariant = 0.2;  // eps leaves something of the derivative along c
  if (norm_of(projected(block.numeric, g, c, mean, variance)) > kInvariant * residual.norm()) return std::nullopt;
  const std::string_view what = mean && variance ? "mean and variance" : mean ? "the mean" : "the variance";
  return GradcheckDiagnosis{
      GradcheckMistake::detached_statistics,
      fmt::format("analytic - numeric is {} over {} ({:.1e} of it unexplained): {} treated as constant",
                  mean && variance ? "level + slope × (input - mean) in each group"
                  : mean           ? "the same for all elements of a group"
                                   : "in proportion to input - mean in each group",
                  axes_text(g), left, what),
      left};
}

/// The known form, fitted to one block.
struct NormalisationFit {
  Values s;    // by output
  Values rho;  // by group
};

std::optional<NormalisationFit> fit_normalisation(const Matrix& m, const Grouping& g, const Values& c) {
  NormalisationFit fit;
  fit.s.assign(m.rows, 0.0);
  fit.rho.assign(g.groups.size(), 0.0);
  double left = 0.0;
  for (std::size_t k = 0; k < g.groups.size(); ++k) {
    const std::vector<std::size_t>& group = g.groups[k];
    const auto n = static_cast<double>(group.size());
    double products = 0.0;  // rho by least squares over all outputs of the group: slope_o = level_o rho c_o
    double squares = 0.0;
    Values levels(group.size());
    Values slopes(group.size());
    for (std::size_t at = 0; at < group.size(); ++at) {
      const std::size_t o = group[at];
      double sum = 0.0, sum_c = 0.0, sum_cc = 0.0, sum_m = 0.0, sum_mc = 0.0;
      for (const std::size_t j : group) {
        if (j == o) continue;
        sum += 1.0;
        sum_c += c[j];
        sum_cc += c[j] * c[j];
        sum_m += m(o, j);
        sum_mc += m(o, j) * c[j];
      }
      const double determinant = sum * sum_cc - sum_c * sum_c;
      if (!(determinant > 0.0)) return std::nullopt;
      levels[at] = (sum_m * sum_cc - sum_mc * sum_c) / determinant;
      slopes[at] = (sum * sum_mc - sum_c * sum_m) / determinant;
      products += slopes[at] * levels[at] * c[o];
      squares += levels[at] * c[o] * levels[at] * c[o];
    }
    if (!(squares > 0.0)) return std::nullopt;
    fit.rho[k] = products / squares;
    if (!(fit.rho[k] > 0.0)) return std::nullopt;
    for (std::size_t at = 0; at < group.size(); ++at) fit.s[group[at]] = -n * levels[at];
  }
  for (std::size_t o = 0; o < m.rows; ++o) {
    for (std::size_t j = 0; j < m.columns; ++j) {
      double expected = 0.0;
      if (g.group_of[o] == g.group_of[j]) {
        const std::size_t k = g.group_of[o];
        const auto n = static_cast<double>(g.groups[k].size());
        expected = fit.s[o] * ((o == j ? 1.0 : 0.0) - 1.0 / n - fit.rho[k] * c[o] * c[j] / n);
      }
      left += (m(o, j) - expected) * (m(o, j) - expected);
    }
  }
  constexpr double kForm = 1e-4;
  return std::sqrt(left) <= kForm * norm_of(m) ? std::optional(fit) : std::nullopt;
}

/// One number for all groups, or nothing.
template <class Number>
std::optional<double> common(std::size_t groups, double precision, const Number& number) {
  double low = number(0);
  double high = low;
  for (std::size_t k = 1; k < groups; ++k) {
    low = std::min(low, number(k));
    high = std::max(high, number(k));
  }
  return high - low <= precision ? std::optional(0.5 * (low + high)) : std::nullopt;
}

Diagnosis epsilon(const Block& block, const Residual& residual, const Grouping& g) {
  const Values& x = block.inputs[block.input].values;
  const Values c = centred(x, g);
  const std::optional<NormalisationFit> right = fit_normalisation(block.numeric, g, c);
  const std::optional<NormalisationFit> found = right ? fit_normalisation(block.analytic, g, c) : std::nullopt;
  if (!found) return std::nullopt;
  Values variance;
  for (const std::vector<std::size_t>& group : g.groups) variance.push_back(statistics_of(x, group).variance);
  const std::size_t groups = variance.size();
  const double most = *std::max_element(variance.begin(), variance.end());
  const double precision = 1e-6 * most;
  const auto beside_variance = [&](const NormalisationFit& fit) {
    return common(groups, precision, [&](std::size_t k) { return 1.0 / fit.rho[k] - variance[k]; });
  };
  const auto beside_deviation = [&](const NormalisationFit& fit) {
    return common(groups, precision,
                  [&](std::size_t k) { return 1.0 / std::sqrt(fit.rho[k]) - std::sqrt(variance[k]); });
  };
  // The same standardised values, but another 1 / deviation in front.
  const auto factor = [&](std::size_t k) {
    const std::size_t o = g.groups[k].front();
    return found->s[o] / right->s[o];
  };
  std::string text;
  const std::optional<double> function_eps = beside_variance(*right);
  if (const std::optional<double> eps = beside_variance(*found); function_eps && eps) {
    if (std::abs(*eps - *function_eps) > precision)
      text = fmt::format("the function divides by sqrt(variance + {:.4g}), analytic by sqrt(variance + {:.4g})",
                         *function_eps, std::abs(*eps) < precision ? 0.0 : *eps);
    else if (groups > 1)
      if (const std::optional<double> other =
              common(groups, 1e-4 * most,
                     [&](std::size_t k) { return (variance[k] + *eps) / (factor(k) * factor(k)) - variance[k]; });
          other && std::abs(*other - *eps) > precision)
        text = fmt::format(
            "the function divides by sqrt(variance + {:.4g}), the factor in front of analytic is "
            "1 / sqrt(variance + {:.4g})",
            *eps, std::abs(*other) < precision ? 0.0 : *other);
  } else if (groups > 1 && function_eps && beside_deviation(*found)) {
    text = fmt::format("the function divides by sqrt(variance + {:.4g}), analytic by sqrt(variance) + {:.4g}",
                       *function_eps, *beside_deviation(*found));
  } else if (groups > 1 && !function_eps && beside_deviation(*right) && eps) {
    text = fmt::format("the function divides by sqrt(variance) + {:.4g}, analytic by sqrt(variance + {:.4g})",
                       *beside_deviation(*right), *eps);
  }
  if (text.empty()) return std::nullopt;
  return GradcheckDiagnosis{GradcheckMistake::misplaced_epsilon,
                            fmt::format("a normalisation over {}: {}", axes_text(g), text), residual.allowed()};
}

bool applies(const Block& block) {
  return block.single_output && block.output_shape == block.input_shape && block.numeric.rows == block.numeric.columns;
}

}  // namespace

Diagnosis detached_statistics(const Block& block, const Residual& residual) {
  const bool scalar = block.numeric.rows == 1;
  if (!applies(block) && !scalar) return std::nullopt;
  for (const auto& [mean, variance] : {std::pair(true, false), std::pair(false, true), std::pair(true, true)})
    for (const Grouping& g : groupings(block.input_shape))
      if (Diagnosis found = detached(block, residual, g, mean, variance)) return found;
  return std::nullopt;
}

Diagnosis misplaced_epsilon(const Block& block, const Residual& residual) {
  if (!applies(block)) return std::nullopt;
  for (const Grouping& g : groupings(block.input_shape))
    if (Diagnosis found = epsilon(block, residual, g)) return found;
  return std::nullopt;
}

}  // namespace tapegrad::checker
