// gelu's formula, for gelu itself and for the gate of geglu. Include after kernels/pointwise-inl.hpp: it is compiled
// once for each of Highway's targets.

#if defined(TAPEGRAD_OPS_POINTWISE_GELU_FORMULA_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef TAPEGRAD_OPS_POINTWISE_GELU_FORMULA_INL_HPP
#undef TAPEGRAD_OPS_POINTWISE_GELU_FORMULA_INL_HPP
#else
#define TAPEGRAD_OPS_POINTWISE_GELU_FORMULA_INL_HPP
#endif

#include "kernels/gelu_constants.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
/// Of lanes, exact: gelu of a tensor is the op.
template <class T>
T gelu(const T& x) {
  return times_normal_cdf(x, x);
}

struct GeluFormula {
  double tanh_form = 0.0;

  template <class T>
  T value(const T& x) const {
    return tanh_form != 0.0 ? times_sigmoid(x, gelu_argument(x)) : gelu(x);
  }
  template <class T>
  T slope(const T& x, const T&) const {
    if (tanh_form != 0.0) {
      const T bounded = clamp(x, -100.0, 100.0);  // beyond, the slope is 0 or 1 to rounding; powers of x would overflow
      const auto u = gelu_argument(bounded);
      const T argument_slope =
          kernels::kGeluLinear + 3.0 * kernels::kGeluLinear * kernels::kGeluCube * (bounded * bounded);
      return times_sigmoid(1.0 + bounded * times_sigmoid(argument_slope, -u), u);
    }
    return normal_cdf_plus_moment(x);
  }
};
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
