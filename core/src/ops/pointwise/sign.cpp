#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/sign.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct SignFormula {
  template <class T>
  T value(const T& x) const {
    return sign(x);
  }
  template <class T>
  double slope(const T&, const T&) const {
    return 0.0;
  }
};
TAPEGRAD_UNARY_KERNELS(SignFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(SignFormula)

struct Sign : StepOp<Sign, SignFormulaKernels> {
  static constexpr std::string_view name = "sign";
  static constexpr std::string_view math = R"(y = \mathrm{sgn}\,x;\quad \bar x = 0)";

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = -1, 0, 1)", "as x is negative, zero or positive; NaN stays NaN"},
            {"Slope", R"(\frac{dy}{dx} = 0)", "constant but for the jump at 0, where the gradient is taken as 0 too"}};
  }
  static catalogue::Samples samples(Generator& g) { return catalogue::step_samples(g); }
  static catalogue::ErrorSamples errors() { return catalogue::unary_errors(name, sign); }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g); }
};

Tensor sign(const Tensor& x) { return apply(Sign{}, x); }

TAPEGRAD_CATALOGUE(pointwise, sign, Sign)
}  // namespace tapegrad
#endif
