// What a comparison of derivatives comes to: a verdict, not a boolean.
#pragma once

#include <string>
#include <string_view>

namespace tapegrad {

/// In the order of rising concern: a report's verdict is the highest of its findings'.
enum class Verdict : unsigned char {
  ok,                 ///< agrees with finite differences
  kink,               ///< the function has a kink here, and the derivative lies between the slopes around it; at order
                      ///< 2 also: the gradient jumps here, at a kink of the function
  vacuous,            ///< the derivative is zero to rounding: the comparison proves nothing
  out_of_domain,      ///< the function is not finite here, or NaN in part at finite inputs, or has no slope here
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

}  // namespace tapegrad
