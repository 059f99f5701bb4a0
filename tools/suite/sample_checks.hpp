// What is checked of every sample of an op or a layer.
#pragma once

#include <cstdint>
#include <vector>

#include "suite/result.hpp"
#include "tapegrad/base/random.hpp"
#include "tapegrad/catalogue/entry.hpp"

namespace tapegrad::suite {

struct CheckOptions {
  int order = 2;           ///< the highest order compared with differences; a sample may say less
  DType dtype = float64;   ///< in which derivatives are compared with differences
  std::uint64_t seed = 3;  ///< of samples, cotangents and directions
};

/// What the default generator gives while an entry is checked: the same whoever checks, in whatever order and on
/// whichever thread, and none of the numbers of Generator(seed), which samples are made of.
inline RandomStream default_numbers(std::uint64_t seed) { return {.key = seed, .offset = std::uint64_t{1} << 40}; }

/// How often the outputs of an entry can be differentiated. `once`: its reverse rule is a fused one alone.
enum class Differentiable { never, once, always };

/// Whether the comparison of a sample with differences passes: its findings are ok; at a sample that stands on a kink
/// the derivative lies between the slopes on either side; a derivative that is exactly zero on both sides (rounding
/// functions, masked rows) is right, and samples without elements have nothing to compare. In float32 differences may
/// be too rough to tell: float64 decides there.
bool passes(const GradcheckReport& report, const catalogue::Sample& sample, const CheckOptions& options);

/// The comparison with differences alone. REQUIRES: the sample's order is not 0, and an input is floating.
CheckResult check_differences(const catalogue::Sample& sample, const CheckOptions& options);

/// All kinds of check: inputs in other memory, the zero cotangent, both reverse rules, float32, differences.
std::vector<CheckResult> check_sample(const catalogue::Sample& sample, Differentiable differentiable,
                                      const CheckOptions& options);

/// A misuse is answered with an error that begins as the sample says.
CheckResult check_error(const catalogue::ErrorSample& error);

/// The same bits at 1, 2 and 8 threads, forward and gradient.
CheckResult check_threads(const catalogue::Sample& sample);

}  // namespace tapegrad::suite
