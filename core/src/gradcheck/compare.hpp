// Compares all derivatives of one function at one point, and files what it finds.
#pragma once

#include "gradcheck/first_order.hpp"
#include "gradcheck/subject.hpp"
#include "tapegrad/gradcheck/options.hpp"
#include "tapegrad/gradcheck/report.hpp"

namespace tapegrad::checker {

/// Throws ValueError "[name] ..." for options that no check can heed.
void expect_options(const char* name, const GradcheckOptions& options);

/// Adds one finding per part and mode to the report. The full Jacobian when the budget affords it, else its products
/// with random directions; at order 1 a product at a second point; then the forward rule; a diagnosis of what is wrong.
/// `before` is what compare() at order 1 has returned, for the gradient of that function by its parts, in their order.
FirstOrder compare(Subject& subject, int order, const GradcheckOptions& options, GradcheckReport& report,
                   const FirstOrder& before = {});

}  // namespace tapegrad::checker
