// What the catalogue entries of pointwise ops share: the samples that every such op must pass, and what they all
// refuse.
#pragma once

#include <string_view>

#include "tapegrad/catalogue/catalogue.hpp"

namespace tapegrad::catalogue {

using UnaryFunction = Tensor (*)(const Tensor& x);
using BinaryFunction = Tensor (*)(const Tensor& a, const Tensor& b);

/// A matrix and a scalar of numbers between low and high, no elements, and the op's own.
Samples unary_samples(Generator& g, double low, double high, Samples own = {});

/// For a function that is constant between jumps, at integers or halves: its gradient is zero.
Samples step_samples(Generator& g);

/// Each kind of broadcasting, a scalar and no elements, and the op's own. a lies between -2 and 2, b between b_low and
/// b_high.
Samples binary_samples(Generator& g, double b_low, double b_high, Samples own = {});

/// int64 tensors are refused.
ErrorSamples unary_errors(std::string_view name, UnaryFunction f);

enum class Integers { taken, refused };

/// Shapes that do not broadcast, dtypes that differ, and int64 tensors where the op does not take them.
ErrorSamples binary_errors(std::string_view name, BinaryFunction f, Integers integers);

/// [512, 512] between low and high.
Sample unary_benchmark(Generator& g, double low = -2, double high = 2);

}  // namespace tapegrad::catalogue
