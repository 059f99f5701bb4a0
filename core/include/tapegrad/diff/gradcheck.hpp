// Checks a function's derivatives against finite differences, and says what it found: a verdict, not a boolean.
//
//   const GradcheckReport report = gradcheck(cube, {randn({3, 4}, {.dtype = float64})});
//   fmt::print("{}\n", report);
//   return report.ok() ? 0 : 1;
#pragma once

#include <vector>

#include "tapegrad/diff/function.hpp"
#include "tapegrad/gradcheck/options.hpp"
#include "tapegrad/gradcheck/report.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

namespace engine {
GradcheckReport gradcheck(const TensorFunction& f, const std::vector<Tensor>& inputs, const GradcheckOptions& options);
}  // namespace engine

/// Compares the derivatives of f at `inputs` with central differences, extrapolated to step 0 (Ridders, "Accurate
/// computation of F'(x) and F'(x) F''(x)", 1982); steps follow from the dtype and the inputs' size, tolerances from the
/// differences' own estimated error and the rounding of the derivative. Every element of the Jacobian is compared when
/// that is affordable, else its products with random directions. Use float64: float32 leaves few digits to compare.
///
/// f takes the inputs as arguments or as a list and returns one tensor or several. It is called with copies;
/// non-floating and undefined inputs are handed on. Where it throws beside the point, or its results have other shapes
/// than at it, its domain ends. Random numbers of the default generator are the same in each call,
/// and is_replaying() holds: a layer's running statistics stay as they are. Works whether or not a tape lives, and
/// leaves it alone. Throws DTypeError when no input is floating, ValueError for options outside their domain and for
/// those of plain callables (input_shapes, output_shape), and what f throws.
template <class F>
GradcheckReport gradcheck(F&& f, const std::vector<Tensor>& inputs, const GradcheckOptions& options = {}) {
  return engine::gradcheck(engine::function_of("gradcheck", f), inputs, options);
}
/// The same for a function of one tensor.
template <class F>
GradcheckReport gradcheck(F&& f, const Tensor& input, const GradcheckOptions& options = {}) {
  return engine::gradcheck(engine::function_of("gradcheck", f), {input}, options);
}

}  // namespace tapegrad
