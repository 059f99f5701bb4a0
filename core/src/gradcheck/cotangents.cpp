#include "gradcheck/cotangents.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>

#include "gradcheck/directions.hpp"
#include "gradcheck/single_precision.hpp"

namespace tapegrad::checker {
namespace {

constexpr std::string_view kNotLinear =
    "the gradient for a sum of two cotangents is not the sum of theirs: something is added to the gradient that comes "
    "in (dy), or dy goes through a function that is not linear";
constexpr double kAdded = 1e-3;  // of the gradients: no sign that is lost is worth less

/// factor a + b.
Values combined(double factor, const Values& a, const Values& b) {
  Values sum = b;
  for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += factor * a[k];
  return sum;
}

/// The factor that makes b of a, as well as one does.
double ratio_of(const Values& b, const Values& a) {
  const double size = norm(a);
  double ratio = 0.0;
  for (std::size_t k = 0; k < a.size(); ++k) ratio += a[k] / size * (b[k] / size);
  return ratio;
}

}  // namespace

std::vector<Multiple> multiples_of(Subject& subject, const Values& cotangent, std::initializer_list<double> factors) {
  std::vector<Multiple> multiples;
  for (const double factor : factors) multiples.push_back({factor, subject.pull_back(multiple(cotangent, factor))});
  return multiples;
}

CotangentProbe::CotangentProbe(Subject& subject, const Precision& precision, Generator generator)
    : precision_(precision), allowed_(std::pow(precision.coarser_epsilon, 0.6)) {
  const Values u = normal_values(subject.outputs.size(), generator);
  const Values v = normal_values(subject.outputs.size(), generator);
  one_ = subject.pull_back(u);
  other_ = subject.pull_back(v);
  sum_ = subject.pull_back(combined(1.0, u, v));
  twice_ = subject.pull_back(multiple(u, 2.0));
  minus_ = subject.pull_back(multiple(u, -1.0));
  large_ = subject.pull_back(multiple(u, kLargeCotangent));
  small_ = subject.pull_back(multiple(u, 1.0 / kLargeCotangent));
}

std::optional<GradcheckDiagnosis> CotangentProbe::diagnose(std::size_t part, double coarseness) const {
  const Values& one = one_[part];
  const Values& other = other_[part];
  const Values& sum = sum_[part];
  const Values& twice = twice_[part];
  const Values& minus = minus_[part];
  double size = 0.0;
  for (const Values* const gradient : {&one, &other, &sum, &twice, &minus}) {
    if (!all_finite(*gradient)) return std::nullopt;
    size = std::max(size, largest(*gradient));
  }
  const double allowed = allowed_ * size + 4.0 * coarseness;
  const auto same = [&](const Values& a, const Values& b) { return largest(combined(-1.0, a, b)) <= allowed; };
  const auto found = [](std::string text) {
    return GradcheckDiagnosis{GradcheckMistake::not_linear, std::move(text), 0.0};
  };
  if (same(combined(1.0, one, one), twice) && same(combined(1.0, one, other), sum)) {
    const double off = largest(combined(1.0, one, minus));
    if (same(multiple(one, -1.0), minus)) return diagnose_size(part, allowed);
    if (off <= kAdded * size) return found(std::string(kNotLinear));
    return found(
        "the gradient for minus a cotangent is not minus the gradient: the rule does not keep the sign of the "
        "gradient that comes in (dy)");
  }
  if (same(one, other) && same(one, twice))
    return found(
        "analytic is the same for two random cotangents and for twice the one: the rule ignores the gradient that "
        "comes in (dy), and does not scale with it");
  const double ratio = ratio_of(twice, one);
  if (std::isfinite(ratio) && same(combined(ratio - 1.0, one, one), twice) && !(std::abs(ratio - 2.0) <= allowed_))
    return found(fmt::format(
        "twice the gradient that comes in (dy) makes {:.4g} times the gradient, not twice: the rule {}", ratio,
        ratio < 2.0 ? "does not use the size of dy as a factor" : "has dy as a factor more than once"));
  const double error =
      std::max(largest(combined(-2.0, one, twice)), largest(combined(-1.0, combined(1.0, one, other), sum)));
  if (error <= kSingleError * size && are_single(one) && are_single(other) && are_single(sum) && are_single(twice))
    return in_single_precision(error / size);
  return found(std::string(kNotLinear));
}

std::optional<GradcheckDiagnosis> CotangentProbe::diagnose_size(std::size_t part, double allowed) const {
  const auto differs = [&](const Values& gradient, double factor) {
    if (!all_finite(gradient)) return !precision_.may_overflow(factor * largest(one_[part]));
    return largest(combined(-factor, one_[part], gradient)) > allowed * factor;
  };
  const auto found = [](std::string_view text) {
    return GradcheckDiagnosis{GradcheckMistake::not_linear, fmt::format(fmt::runtime(text), kLargeCotangent), 0.0};
  };
  if (differs(large_[part], kLargeCotangent))
    return found(
        "a gradient that comes in (dy) {0:g} times as large does not make {0:g} times the gradient: dy is clipped or "
        "overflows, or something is added to it");
  if (differs(small_[part], 1.0 / kLargeCotangent))
    return found(
        "a gradient that comes in (dy) {0:g} times as small does not make a gradient {0:g} times as small: small "
        "elements of dy are taken for zero, or something is added to it");
  return std::nullopt;
}

}  // namespace tapegrad::checker
