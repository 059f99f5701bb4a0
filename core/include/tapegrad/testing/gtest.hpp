// Gradient checks in GoogleTest:
//
//   TEST(Softmax, Gradient) { EXPECT_GRADIENT([](const Tensor& x) { return softmax(x, 1); }, x); }
//   TEST(Energy, Gradient) { ASSERT_GRADIENT(energy, energy_gradient, points); }          // plain callables
//
// A test case in one line is TAPEGRAD_GTEST_GRADCHECK(Softmax, OverRows, f, x). Arguments are those of
// gradient_outcome(); a failure prints the report. What they draw from the default generator is the same in every run,
// of one case or of all.
#pragma once

#include <gtest/gtest.h>

#include "tapegrad/testing/gradient_outcome.hpp"

namespace tapegrad::engine {

inline ::testing::AssertionResult assertion_of(const GradientOutcome& outcome) {
  return (outcome.passed ? ::testing::AssertionSuccess() : ::testing::AssertionFailure()) << "\n" << outcome.message;
}

}  // namespace tapegrad::engine

#define EXPECT_GRADIENT(...) EXPECT_TRUE(::tapegrad::engine::assertion_of(TAPEGRAD_GRADIENT_OUTCOME(__VA_ARGS__)))
#define ASSERT_GRADIENT(...) ASSERT_TRUE(::tapegrad::engine::assertion_of(TAPEGRAD_GRADIENT_OUTCOME(__VA_ARGS__)))

#define TAPEGRAD_GTEST_GRADCHECK(suite, name, ...) \
  TEST(suite, name) { EXPECT_GRADIENT(__VA_ARGS__); }
