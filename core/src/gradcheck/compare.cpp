#include "gradcheck/compare.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <utility>

#include "gradcheck/comparison.hpp"
#include "gradcheck/slope.hpp"
#include "tapegrad/base/error.hpp"

namespace tapegrad::checker {

void expect_options(const char* name, const GradcheckOptions& options) {
  if (options.order < 1 || options.order > 2)
    throw ValueError(fmt::format("[{}] expected order 1 or 2, got {}", name, options.order));
  if (options.directions < 1)
    throw ValueError(fmt::format("[{}] expected at least 1 direction, got {}", name, options.directions));
  if (options.budget < 0)
    throw ValueError(fmt::format("[{}] expected a budget of at least 0 calls, got {}", name, options.budget));
  if (!std::isfinite(options.accuracy) || options.accuracy < 0.0)
    throw ValueError(fmt::format("[{}] expected a finite accuracy of at least 0, got {}", name, options.accuracy));
  for (const Allowance& allowance : options.allow)
    if (allowance.reason.empty())
      throw ValueError(fmt::format("[{}] expected a reason to allow {}, got none", name, to_string(allowance.verdict)));
}

FirstOrder compare(Subject& subject, int order, const GradcheckOptions& options, GradcheckReport& report,
                   const FirstOrder& before) {
  Comparison comparison(subject, order, options, report, before);
  std::size_t elements = 0;
  for (const Part& part : subject.parts) elements += part.values.size();
  const std::size_t calls = elements * 2 * kSteps + subject.outputs.size();
  if (static_cast<std::int64_t>(calls) <= options.budget) {
    compare_jacobian(comparison);
  } else {
    compare_products(comparison);
  }
  if (order == 1 && subject.has_other_points()) compare_beside(comparison);
  if (options.forward_mode && subject.has_push_forward()) compare_modes(comparison);
  if (order < options.order) comparison.tell_rounding();
  return std::move(comparison.found);
}

}  // namespace tapegrad::checker
