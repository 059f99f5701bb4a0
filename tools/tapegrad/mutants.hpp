// The usual mistakes in a backward pass, made of an op's right rule by changing what goes into it or comes out.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "tapegrad/catalogue/entry.hpp"
#include "tapegrad/planted.hpp"

namespace tapegrad::program {

/// The kinds of mistake, in the order of the table.
enum Bug : std::size_t { kScale, kSign, kTranspose, kFanOut, kWrongAxis, kBroadcast, kMask, kStale, kStatistics, kEps };

/// What each is called.
inline constexpr auto kBugs = [] {
  std::array<std::string_view, kEps + 1> names;
  names[kScale] = "3 % scale";
  names[kSign] = "sign";
  names[kTranspose] = "transpose";
  names[kFanOut] = "missing += at a fan-out";
  names[kWrongAxis] = "wrong axis";
  names[kBroadcast] = "missing broadcast sum";
  names[kMask] = "wrong mask";
  names[kStale] = "stale save";
  names[kStatistics] = "detached statistics";
  names[kEps] = "eps misplaced";
  return names;
}();
static_assert(std::none_of(kBugs.begin(), kBugs.end(), [](std::string_view name) { return name.empty(); }),
              "a kind of mistake without a name");

struct Mutant {
  Bug bug = kScale;
  std::string where;      ///< which input, which variant
  catalogue::Call right;  ///< the function as it is; its own where a fan-out is added
  catalogue::Arguments inputs;
  ReverseRule rule;  ///< the wrong one
};

/// d outputs / d inputs: one row per element of the floating outputs, one column per element of the floating inputs.
struct Jacobian {
  std::vector<std::vector<double>> rows;

  bool finite() const;
  double largest() const;
};
Jacobian jacobian_of(const ReverseRule& rule, const catalogue::Call& function, const catalogue::Arguments& inputs);

/// The largest difference of two Jacobians' elements, in units of the largest element of the first; infinite where one
/// is not finite.
double distance(const Jacobian& a, const Jacobian& b);

/// Up to here two rules are one function: rounding alone tells them apart.
inline constexpr double kSameFunction = 1e-13;
/// Up to here no difference quotient of values in float64 tells them apart: eps^(2/3), what rounding and truncation
/// leave of central differences at the best step.
inline constexpr double kBeyondDifferences = 4e-11;

/// All mistakes that can be made in a sample's rule. None of a mistake that does not apply: a transpose needs a matrix,
/// a wrong mask masked elements, a misplaced eps an eps, and what moves an input a function that is defined there.
std::vector<Mutant> mutants_of(const catalogue::Sample& sample);

}  // namespace tapegrad::program
