// What comparisons at order 1 tell those at order 2.
#pragma once

#include <cstddef>
#include <map>
#include <set>

#include "gradcheck/values.hpp"

namespace tapegrad::checker {

/// The elements that stand on a kink, by the number of their input. Known where full Jacobians are compared.
using Kinks = std::map<int, std::set<std::size_t>>;

/// By the number of an input whose gradient is zero to rounding, so that nothing but rounding is left to
/// differentiate: how far from zero it may be for all that differences know.
using Doubts = std::map<int, double>;

/// By the number of an input, how far each element of its gradient has been seen to round.
using Unrests = std::map<int, Values>;

struct FirstOrder {
  Kinks kinks;  // where the gradient jumps: it has no slope there
  Doubts doubts;
  Unrests unrests;
  double natural = 0.0;  // outputs per input: what gradients are as large as unless their terms cancel
  double rounded = 0.0;  // what they have been seen to round in proportion to, in the precision of the rule
};

}  // namespace tapegrad::checker
