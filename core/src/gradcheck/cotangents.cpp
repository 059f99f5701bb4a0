#include "gradcheck/cotangents.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "gradcheck/directions.hpp"
#include "gradcheck/single_precision.hpp"

namespace tapegrad::checker {
namespace {

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

CotangentProbe::CotangentProbe(Subject& subject, Generator generator)
    : allowed_(std::pow(std::max(subject.value_epsilon, subject.derivative_epsilon), 0.6)) {
  const Values u = normal_values(subject.outputs.size(), generator);
  const Values v = normal_values(subject.outputs.size(), generator);
  one_ = subject.pull_back(u);
  other_ = subject.pull_back(v);
  sum_ = subject.pull_back(combined(1.0, u, v));
  twice_ = subject.pull_back(combined(1.0, u, u));
  minus_ = subject.pull_back(combined(-2.0, u, u));
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
  const auto same = [&](const Values& a, const Values& b) {
    return largest(combined(-1.0, a, b)) <= allowed_ * size + 4.0 * coarseness;
  };
  const auto found = [](std::string text) {
    return GradcheckDiagnosis{GradcheckMistake::not_linear, std::move(text), 0.0};
  };
  if (same(combined(1.0, one, one), twice) && same(combined(1.0, one, other), sum)) {
    if (same(combined(-2.0, one, one), minus)) return std::nullopt;
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
  return found(
      "the gradient for a sum of two cotangents is not the sum of theirs: something is added to the gradient that "
      "comes in (dy), or dy goes through a function that is not linear");
}

}  // namespace tapegrad::checker
