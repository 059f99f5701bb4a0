// Normalisations with eps at another place. Their Jacobians have a known form in each group of elements that share
// statistics, with c = x - mean and n elements:
//   s_o (delta_oj - 1/n - rho c_o c_j / n),   rho = 1 / (variance + eps);
// of one by the root mean square, without the mean's term:
//   s_o (delta_oj - rho x_o x_j / n),         rho = 1 / (mean square + eps).
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "gradcheck/diagnosis.hpp"
#include "gradcheck/groupings.hpp"

namespace tapegrad::checker {
namespace {

/// What a normalisation divides by the root of.
struct Moment {
  std::string_view name;
  bool has_mean;  // whose term stands beside its own
  Values c;       // the elements whose squares it is the mean of
  Values size;    // by group
};

Moment variance_of(const Values& x, const Grouping& g) {
  Moment moment{"variance", true, centred(x, g), {}};
  for (const std::vector<std::size_t>& group : g.groups) moment.size.push_back(statistics_of(x, group).variance);
  return moment;
}

Moment mean_square_of(const Values& x, const Grouping& g) {
  Moment moment{"mean square", false, x, {}};
  for (const std::vector<std::size_t>& group : g.groups) {
    const Statistics s = statistics_of(x, group);
    moment.size.push_back(s.variance + s.mean * s.mean);
  }
  return moment;
}

/// The known form, fitted to one block.
struct NormalisationFit {
  Values s;    // by output
  Values rho;  // by group
};

/// How row o runs beside its own element, with the level that the mean's term would have.
std::optional<Trend> trend_of(const Matrix& m, std::size_t o, const Grouping& g, const Moment& moment) {
  if (moment.has_mean) return trend_beside(m, o, g, moment.c);
  const std::optional<double> slope = slope_beside(m, o, g, moment.c);
  if (!slope) return std::nullopt;
  return Trend{-(m(o, o) - *slope * moment.c[o]) / static_cast<double>(g.around(o).size()), *slope};
}

std::optional<NormalisationFit> fit_normalisation(const Matrix& m, const Grouping& g, const Moment& moment) {
  const Values& c = moment.c;
  NormalisationFit fit;
  fit.s.assign(m.rows, 0.0);
  fit.rho.assign(g.groups.size(), 0.0);
  double left = 0.0;
  for (std::size_t k = 0; k < g.groups.size(); ++k) {
    const std::vector<std::size_t>& group = g.groups[k];
    const auto n = static_cast<double>(group.size());
    double products = 0.0;  // rho by least squares over all outputs of the group: slope_o = level_o rho c_o
    double squares = 0.0;
    for (const std::size_t o : group) {
      const std::optional<Trend> trend = trend_of(m, o, g, moment);
      if (!trend) return std::nullopt;
      products += trend->slope * trend->level * c[o];
      squares += trend->level * c[o] * trend->level * c[o];
      fit.s[o] = -n * trend->level;
    }
    if (!(squares > 0.0)) return std::nullopt;
    fit.rho[k] = products / squares;
    if (!(fit.rho[k] > 0.0)) return std::nullopt;
  }
  for (std::size_t o = 0; o < m.rows; ++o) {
    for (std::size_t j = 0; j < m.columns; ++j) {
      double expected = 0.0;
      if (g.group_of[o] == g.group_of[j]) {
        const std::size_t k = g.group_of[o];
        const auto n = static_cast<double>(g.groups[k].size());
        const double mean = moment.has_mean ? 1.0 / n : 0.0;
        expected = fit.s[o] * ((o == j ? 1.0 : 0.0) - mean - fit.rho[k] * c[o] * c[j] / n);
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

Diagnosis epsilon(const Block& block, const Residual& residual, const Grouping& g, const Moment& moment) {
  const std::optional<NormalisationFit> right = fit_normalisation(block.numeric, g, moment);
  const std::optional<NormalisationFit> found = right ? fit_normalisation(block.analytic, g, moment) : std::nullopt;
  if (!found) return std::nullopt;
  const Values& size = moment.size;
  const std::size_t groups = size.size();
  const double most = *std::max_element(size.begin(), size.end());
  const double precision = 1e-6 * most;
  const auto beside_moment = [&](const NormalisationFit& fit) {
    return common(groups, precision, [&](std::size_t k) { return 1.0 / fit.rho[k] - size[k]; });
  };
  const auto beside_root = [&](const NormalisationFit& fit) {
    return common(groups, precision, [&](std::size_t k) { return 1.0 / std::sqrt(fit.rho[k]) - std::sqrt(size[k]); });
  };
  // The same normalised values, but another factor in front.
  const auto factor = [&](std::size_t k) {
    const std::size_t o = g.groups[k].front();
    return found->s[o] / right->s[o];
  };
  std::string text;
  const std::optional<double> function_eps = beside_moment(*right);
  if (const std::optional<double> eps = beside_moment(*found); function_eps && eps) {
    // Of one group any factor of the moment's term is an eps; one that is as large as the moment is none.
    const bool is_small = groups > 1 || std::abs(*eps) <= 0.1 * most;
    if (std::abs(*eps - *function_eps) > precision && is_small)
      text = fmt::format("the function divides by sqrt({0} + {1:.4g}), analytic by sqrt({0} + {2:.4g})", moment.name,
                         *function_eps, std::abs(*eps) < precision ? 0.0 : *eps);
    else if (groups > 1)
      if (const std::optional<double> other = common(
              groups, 1e-4 * most, [&](std::size_t k) { return (size[k] + *eps) / (factor(k) * factor(k)) - size[k]; });
          other && std::abs(*other - *eps) > precision)
        text = fmt::format(
            "the function divides by sqrt({0} + {1:.4g}), the factor in front of analytic is "
            "1 / sqrt({0} + {2:.4g})",
            moment.name, *eps, std::abs(*other) < precision ? 0.0 : *other);
  } else if (groups > 1 && function_eps && beside_root(*found)) {
    text = fmt::format("the function divides by sqrt({0} + {1:.4g}), analytic by sqrt({0}) + {2:.4g}", moment.name,
                       *function_eps, *beside_root(*found));
  } else if (groups > 1 && !function_eps && beside_root(*right) && eps) {
    text = fmt::format("the function divides by sqrt({0}) + {1:.4g}, analytic by sqrt({0} + {2:.4g})", moment.name,
                       *beside_root(*right), *eps);
  }
  if (text.empty()) return std::nullopt;
  return GradcheckDiagnosis{GradcheckMistake::misplaced_epsilon,
                            fmt::format("a normalisation over {}: {}", axes_text(g), text), residual.allowed()};
}

}  // namespace

Diagnosis misplaced_epsilon(const Block& block, const Residual& residual) {
  if (!may_be_normalised(block)) return std::nullopt;
  const Values& x = block.inputs[block.input].values;
  for (const Grouping& g : groupings(block.input_shape))
    for (const auto moment_of : {variance_of, mean_square_of})
      if (Diagnosis found = epsilon(block, residual, g, moment_of(x, g))) return found;
  return std::nullopt;
}

}  // namespace tapegrad::checker
