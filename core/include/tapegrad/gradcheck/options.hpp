// How gradients are checked. Steps and tolerances are no options: they follow from the precision and the function.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tapegrad/gradcheck/verdict.hpp"

namespace tapegrad {

/// One set for tensors and for plain callables, so that a suite hands the same to both. What only one of them could
/// heed is a ValueError from the other, unless it asks for no more than there is: order and forward_mode.
struct GradcheckOptions {
  int order = 2;               ///< 1: the gradient; 2: also the gradient of the gradient. Plain callables: always 1
  bool forward_mode = true;    ///< of tensors: also the forward rules, by <v, J u> = <J^T v, u>
  std::uint64_t seed = 0;      ///< of cotangents and directions
  std::int64_t budget = 4000;  ///< function calls allowed for a full Jacobian; beyond it random directions are compared
  int directions = 6;          ///< how many, for each input: 1 at least
  std::vector<Allowance> allow = {};

  /// Printed in place of the inputs' numbers. Fewer names than inputs, or than a plain callable has parts: the rest
  /// keep their numbers. More: ValueError.
  std::vector<std::string> input_names = {};
  /// For plain callables alone: the shapes of the consecutive parts of x, row-major. Empty: x is one vector.
  std::vector<std::vector<std::int64_t>> input_shapes = {};
  /// For plain callables alone: the shape of the outputs, for diagnoses that look at axes. Empty: a vector (or one
  /// number).
  std::vector<std::int64_t> output_shape = {};
  /// For tensors alone, float32 ones: take differences of the same f in float64, at the same numbers. It throws
  /// DTypeError if f brings float32 tensors of its own into its operations.
  bool differences_in_float64 = false;
  /// For tensors alone: the sweeps and the forward rules run with BackwardOptions::strong_zero, at both orders, as a
  /// caller runs them whose function has a branch that is not taken and has no finite slope.
  bool strong_zero = false;
  /// The relative accuracy of f's values where it is not rounding: 1e-8 for an iteration that stops there. 0: rounding.
  /// Finite, not negative. Beyond 1e-5 differences tell little of any slope.
  double accuracy = 0.0;
};

}  // namespace tapegrad
