// Checks a function's derivatives against finite differences, and says what it found: a verdict, not a boolean.
//
//   const GradcheckReport report = gradcheck(cube, {randn({3, 4}, {.dtype = float64})});
//   fmt::print("{}\n", report);
//   return report.ok() ? 0 : 1;
#pragma once

#include <fmt/core.h>

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tapegrad/diff/function.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// In the order of rising concern: a report's verdict is the highest of its findings'.
enum class Verdict : unsigned char {
  ok,                 ///< agrees with finite differences
  kink,               ///< the function has a kink here, and the derivative lies between the slopes on its two sides
  vacuous,            ///< the derivative is zero to rounding: the comparison proves nothing
  out_of_domain,      ///< the function is not finite here or next to it
  unreliable,         ///< finite differences are too rough here to tell
  non_deterministic,  ///< two calls with the same inputs differ
  wrong               ///< disagrees with finite differences
};
std::string_view to_string(Verdict verdict);

/// Lets a verdict pass, and says why.
struct Allowance {
  Verdict verdict;
  std::string reason;
};

struct GradcheckOptions {
  int order = 2;               ///< 1: the gradient; 2: also the gradient of the gradient
  bool forward_mode = true;    ///< also the forward rules
  std::uint64_t seed = 0;      ///< of cotangents and directions
  std::int64_t budget = 4000;  ///< function calls allowed for a full Jacobian; beyond it random directions are compared
  int directions = 6;          ///< how many, for each input
  std::vector<Allowance> allow = {};
  /// Printed in place of the inputs' numbers. Fewer names than inputs: the rest keep their numbers.
  std::vector<std::string> input_names = {};
};

/// The worst disagreement of one input at one order, or what stands in the way of a comparison.
struct GradcheckFinding {
  Verdict verdict = Verdict::ok;
  int order = 1;
  std::string_view mode = "reverse";     ///< "reverse", "forward" or "call"
  int input = -1;                        ///< at order 2 the cotangents follow the inputs
  std::vector<std::int64_t> index = {};  ///< of the input's element; empty for a random direction
  std::int64_t output = -1;              ///< element of the outputs, counted through; -1 for a random combination
  double analytic = 0.0;
  double numeric = 0.0;                         ///< in forward mode: what reverse mode says
  double tolerance = 0.0;                       ///< from the estimated errors of both
  double slope_below = 0.0, slope_above = 0.0;  ///< at a kink
  std::string note = {};
  std::string input_name = {};  ///< its given name, else its number

  double absolute_error() const;
  double relative_error() const;
};

struct GradcheckReport {
  std::vector<GradcheckFinding> findings;  ///< one per order, mode and input that was compared
  std::vector<Allowance> allowed;
  std::int64_t comparisons = 0;
  double seconds = 0.0;

  Verdict verdict() const;
  /// Whether every finding is ok, a kink that the derivative fits, or allowed.
  bool ok() const;
};
std::string to_string(const GradcheckReport& report);

namespace engine {
GradcheckReport gradcheck(const TensorFunction& f, const std::vector<Tensor>& inputs, const GradcheckOptions& options);
}  // namespace engine

/// Compares the derivatives of f at `inputs` with central differences, extrapolated to step 0 (Ridders, "Accurate
/// computation of F'(x) and F'(x) F''(x)", 1982); steps follow from the dtype and the inputs' size, tolerances from the
/// differences' own estimated error and the rounding of the derivative. Every element of the Jacobian is compared when
/// that is affordable, else its products with random directions. Use float64: float32 leaves few digits to compare.
///
/// f takes the inputs as arguments or as a list and returns one tensor or several. It is called with copies;
/// non-floating and undefined inputs are handed on. Random numbers of the default generator are the same in each call.
/// Works whether or not a tape lives, and leaves it alone. Throws DTypeError when no input is floating, and what f
/// throws.
template <class F>
GradcheckReport gradcheck(F&& f, const std::vector<Tensor>& inputs, const GradcheckOptions& options = {}) {
  return engine::gradcheck(engine::function_of(f), inputs, options);
}

}  // namespace tapegrad

template <>
struct fmt::formatter<tapegrad::GradcheckReport> : fmt::formatter<fmt::string_view> {
  template <class Context>
  auto format(const tapegrad::GradcheckReport& report, Context& context) const {
    return fmt::formatter<fmt::string_view>::format(fmt::string_view(std::string(to_string(report))), context);
  }
};
