// How rough a function's values are, from the values.
#pragma once

#include <array>
#include <limits>

namespace tapegrad::checker {

inline constexpr int kNoisePoints = 11;
inline constexpr double kSafety = 4.0;  // what noise must be taken to be, in units of what was seen of it

/// The standard deviation of the noise in values at equally spaced points: that of their fourth and fifth differences,
/// in which nothing else is left of a smooth function (Moré and Wild, "Estimating computational noise", 2011).
/// NaN when a value is not finite.
double noise_of(std::array<double, kNoisePoints> values);

/// Whether the second differences of values are not those at one or two places: a kink has one, a jump two, a bump of
/// one point three that add up to twice the largest.
bool is_scattered(const std::array<double, kNoisePoints>& values);

/// What the rounding of terms as large as 1 or as the output y may make of it that cancel and are divided by the input,
/// of size `own`, up to three times: as (x - sin x) / x^3.
double rounding_of_quotients(double epsilon, double y, double own);

/// What values at one spacing show.
struct Texture {
  double noise = std::numeric_limits<double>::quiet_NaN();  // as when a value is not finite
  double size = 0.0;                                        // of the largest value
  bool still = false;      // neighbours are equal: the spacing may lie within one stair of rounded values
  bool exact = true;       // rounding left the points where they were meant to be, as far as the values' noise shows
  bool scattered = false;  // the values bend everywhere alike, not at a jump, a kink or a bump alone
};

/// What values at three spacings show, each at least 11 times the last.
struct Textures {
  Texture narrow, middle, wide;
};

/// The noise that is seen here, after the same spacings at least 11 times wider. Noise is the same at every spacing,
/// where the differences of a kink shrink in proportion to the spacing and those of a smooth function with its fourth
/// power or faster: what two spacings agree on is noise. 0 when they agree on none.
double confirmed_noise(const Textures& here, const Textures& wider);

/// Whether noise that was confirmed at wider spacings is seen not to be: the values move, and smoothly, at all three.
/// (A function sampled beyond its own scale looks noisy until then.) Values that stand still refute nothing.
bool refuted(double confirmed, const Textures& here);

}  // namespace tapegrad::checker
