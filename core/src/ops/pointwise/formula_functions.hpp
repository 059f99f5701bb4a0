// What formulas call that has a kernel on lanes (kernels/lanes_math-inl.hpp) and is no op, as compositions on tensors.
// All that a slope may call: docs/design.md, "An op".
#pragma once

#include <concepts>

#include "kernels/gelu_constants.hpp"
#include "tapegrad/ops/pointwise.hpp"

namespace tapegrad {

/// condition ? a : b. One of the two at least is a tensor: select(x, axis, i) is an entry of an axis (ops/view.hpp).
template <class A, class B>
requires(std::same_as<A, Tensor> || std::same_as<B, Tensor>) Tensor
    select(const Tensor& condition, const A& a, const B& b) {
  return where(condition, a, b);
}
/// sigmoid(x) sigmoid(-x), and (1 - x) (1 + x), which unlike 1 - x^2 does not cancel near the ends. Ops of their own:
/// by the product rule either slope would be a difference of two nearly equal terms near 0.
Tensor logistic_density(const Tensor& x);
Tensor one_minus_square(const Tensor& x);
inline Tensor times_sigmoid(const Tensor& a, const Tensor& x) { return a * sigmoid(x); }
/// e^(-x^2). Beyond 100 it is 0, and so is its slope, where infinity times 0 would be NaN.
inline Tensor exp_minus_square(const Tensor& x) { return exp(-square(clamp(x, -100.0, 100.0))); }
/// Phi(x) + x phi(x), Phi the standard normal distribution and phi its density.
inline Tensor normal_cdf_plus_moment(const Tensor& x) {
  const Tensor bounded =
      clamp(x, -100.0, 100.0);  // beyond, it is 0 or 1 to rounding, and infinity times 0 would be NaN
  return 0.5 * erfc(-0.70710678118654752440 * bounded) +
         bounded * (0.39894228040143267794 * exp(-0.5 * square(bounded)));
}
/// 2 sqrt(2 / pi) (x + 0.044715 x^3)
inline Tensor gelu_argument(const Tensor& x) { return x * (kernels::kGeluLinear + kernels::kGeluCubic * square(x)); }

}  // namespace tapegrad
