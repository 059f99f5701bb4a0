// gelu's formula, for gelu itself and for the gate of geglu. Include after kernels/pointwise-inl.hpp: it is compiled
// once for each of Highway's targets.

#if defined(TAPEGRAD_OPS_POINTWISE_GELU_FORMULA_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef TAPEGRAD_OPS_POINTWISE_GELU_FORMULA_INL_HPP
#undef TAPEGRAD_OPS_POINTWISE_GELU_FORMULA_INL_HPP
#else
#define TAPEGRAD_OPS_POINTWISE_GELU_FORMULA_INL_HPP
#endif

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct GeluFormula {
  static constexpr double kSqrtHalf = 0.70710678118654752440;
  static constexpr double kDensity = 0.39894228040143267794;  // 1 / sqrt(2 pi)
  static constexpr double k2C = 1.59576912160573071176;       // 2 sqrt(2 / pi)
  static constexpr double kCube = 0.044715;
  double tanh_form = 0.0;

  template <class T>
  static T twice_tanh_argument(const T& x) {
    return x * (k2C + k2C * kCube * (x * x));
  }
  template <class T>
  T value(const T& x) const {
    return tanh_form != 0.0 ? x * sigmoid(twice_tanh_argument(x)) : 0.5 * x * erfc(-kSqrtHalf * x);
  }
  template <class T>
  T slope(const T& x, const T&) const {
    const T bounded = clamp(x, -100.0, 100.0);  // beyond, the slope is 0 or 1 to rounding; powers of x would overflow
    if (tanh_form != 0.0) {
      const T s = sigmoid(twice_tanh_argument(bounded));
      return s * (1.0 + bounded * (k2C + 3.0 * k2C * kCube * (bounded * bounded)) * (1.0 - s));
    }
    return 0.5 * erfc(-kSqrtHalf * bounded) + kDensity * bounded * exp(-0.5 * (bounded * bounded));
  }
};
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
