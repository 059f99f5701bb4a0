// Normalisations with eps at another place. Their Jacobians have a known form in each group of elements that share
// statistics, with c = x - mean and n elements:
//   s_o (delta_oj - 1/n - rho c_o c_j / n),   rho = 1 / (variance + eps).
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "gradcheck/diagnosis.hpp"
#include "gradcheck/groupings.hpp"

namespace tapegrad::checker {
namespace {

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
      const std::optional<Trend> trend = trend_beside(m, o, g, c);
      if (!trend) return std::nullopt;
      levels[at] = trend->level;
      slopes[at] = trend->slope;
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
  return std::sqrt(left) <= kForm * norm(m.values) ? std::optional(fit) : std::nullopt;
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
    // Of one group any factor of the variance's term is an eps; one that is as large as the variance is none.
    const bool is_small = groups > 1 || std::abs(*eps) <= 0.1 * most;
    if (std::abs(*eps - *function_eps) > precision && is_small)
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

}  // namespace

Diagnosis misplaced_epsilon(const Block& block, const Residual& residual) {
  if (!may_be_normalised(block)) return std::nullopt;
  for (const Grouping& g : groupings(block.input_shape))
    if (Diagnosis found = epsilon(block, residual, g)) return found;
  return std::nullopt;
}

}  // namespace tapegrad::checker
