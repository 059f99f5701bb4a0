// silu's formula, for silu itself and for the gate of swiglu. Include after kernels/pointwise-inl.hpp: it is compiled
// once for each of Highway's targets.

#if defined(TAPEGRAD_OPS_POINTWISE_SILU_FORMULA_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef TAPEGRAD_OPS_POINTWISE_SILU_FORMULA_INL_HPP
#undef TAPEGRAD_OPS_POINTWISE_SILU_FORMULA_INL_HPP
#else
#define TAPEGRAD_OPS_POINTWISE_SILU_FORMULA_INL_HPP
#endif

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
/// Of lanes: silu of a tensor is the op.
template <class T>
T silu(const T& x) {
  return times_sigmoid(x, x);
}

struct SiluFormula {
  template <class T>
  T value(const T& x) const {
    return silu(x);
  }
  template <class T>
  T slope(const T& x, const T&) const {
    const T bounded = clamp(x, -1000.0, 1000.0);  // beyond, the slope is 0 or 1 to rounding, and x 0 is NaN at infinity
    return times_sigmoid(1.0 + bounded * sigmoid(-bounded), bounded);
  }
};
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
