// Random directions and cotangents for functions whose Jacobian is too large to compare.
#pragma once

#include "gradcheck/values.hpp"
#include "tapegrad/base/random.hpp"

namespace tapegrad::checker {

/// The k-th of a series that takes turns: dense and normal; a few elements, of both signs; all elements 1 or -1. A
/// dense projection hides the error of few elements among many, directions of one sign hide errors of sign.
Values direction(int k, std::size_t count, Generator& generator);

/// Standard normal numbers.
Values normal_values(std::size_t count, Generator& generator);

/// A cotangent of outputs, or a direction of inputs, that is 0 where they are not finite: nothing can be said of those,
/// and what is infinite does not move.
Values over_finite(Values weights, const Values& at);

/// Sum of u y over the outputs that the cotangent u weighs, which are those that are finite at the point: NaN where the
/// function ends.
double weighed_sum(const Values& u, const Values& y);
/// The same of the terms' magnitudes.
double weighed_reach(const Values& u, const Values& y);

}  // namespace tapegrad::checker
