// How rough a function's values are, from the values.
#pragma once

#include <array>

namespace tapegrad::checker {

inline constexpr int kNoisePoints = 7;

/// The standard deviation of the noise in values at equally spaced points: that of their fourth and fifth differences,
/// in which nothing else is left of a smooth function (Moré and Wild, "Estimating computational noise", 2011).
/// NaN when a value is not finite.
double noise_of(std::array<double, kNoisePoints> values);

}  // namespace tapegrad::checker
