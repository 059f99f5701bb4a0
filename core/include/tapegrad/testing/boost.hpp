// Gradient checks as Boost.Test cases, one line each:
//
// clang-format off
//   TAPEGRAD_BOOST_GRADCHECK(softmax_over_rows, [](const Tensor& x) { return softmax(x, 1); }, randn({3, 4}, {.dtype = float64}))
//   TAPEGRAD_BOOST_GRADCHECK(energy_is_differentiated, energy, energy_gradient, points)  // plain callables
// clang-format on
//
// Inside a test case use TAPEGRAD_BOOST_TEST_GRADIENT(f, x, w). Arguments are those of gradient_outcome(); a failure
// prints the report. What they draw from the default generator is the same in every run, of one case or of all. A case
// must not have the name of the function that it checks. Define BOOST_TEST_MODULE (or what else Boost.Test needs)
// before including this header.
#pragma once

#include <boost/test/unit_test.hpp>

#include "tapegrad/testing/gradient_outcome.hpp"

#define TAPEGRAD_BOOST_TEST_GRADIENT(...)                                                     \
  do {                                                                                        \
    const ::tapegrad::GradientOutcome gradient_case = TAPEGRAD_GRADIENT_OUTCOME(__VA_ARGS__); \
    BOOST_TEST(gradient_case.passed, gradient_case.message);                                  \
  } while (false)

#define TAPEGRAD_BOOST_GRADCHECK(name, ...) \
  BOOST_AUTO_TEST_CASE(name) { TAPEGRAD_BOOST_TEST_GRADIENT(__VA_ARGS__); }
