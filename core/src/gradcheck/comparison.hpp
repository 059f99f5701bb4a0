// Compares all derivatives of one function at one point, and files what it finds.
#pragma once

#include <cstddef>
#include <map>
#include <set>

#include "gradcheck/subject.hpp"
#include "tapegrad/gradcheck/options.hpp"
#include "tapegrad/gradcheck/report.hpp"

namespace tapegrad::checker {

/// Throws ValueError "[name] ..." for options that no check can heed.
void expect_options(const char* name, const GradcheckOptions& options);

/// The elements that stand on a kink, by the number of their input. Known where full Jacobians are compared.
using Kinks = std::map<int, std::set<std::size_t>>;

/// What comparisons at order 1 tell those at order 2.
struct FirstOrder {
  /// Where the gradient jumps: it has no slope there.
  Kinks kinks;
  /// By the number of an input whose gradient is zero to rounding, so that nothing but rounding is left to
  /// differentiate: how far from zero it may be for all that differences know.
  std::map<int, double> doubts;
};

/// Adds one finding per part and mode to the report. The full Jacobian when the budget affords it, else its products
/// with random directions; then the forward rule; then a diagnosis of what is wrong. `before` is what compare() at
/// order 1 has returned, for the gradient of that function by its parts, in their order.
FirstOrder compare(Subject& subject, int order, const GradcheckOptions& options, GradcheckReport& report,
                   const FirstOrder& before = {});

}  // namespace tapegrad::checker
