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

/// Adds one finding per part and mode to the report. The full Jacobian when the budget affords it, else its products
/// with random directions; then the forward rule; then a diagnosis of what is wrong. At order 2 `jumps` are the kinks
/// of the function whose gradient this is: it has no slope there. Returns the kinks that were met.
Kinks compare(Subject& subject, int order, const GradcheckOptions& options, GradcheckReport& report,
              const Kinks& jumps = {});

}  // namespace tapegrad::checker
