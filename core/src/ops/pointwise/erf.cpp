#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/erf.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct ErfFormula {
  template <class T>
  T value(const T& x) const {
    return erf(x);
  }
  template <class T>
  T slope(const T& x, const T&) const {
    return 1.1283791670955126 * exp_minus_square(x);
  }
};
TAPEGRAD_UNARY_KERNELS(ErfFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(ErfFormula)

struct Erf : UnaryOp<Erf, ErfFormula, ErfFormulaKernels> {
  static constexpr std::string_view name = "erf";
  static constexpr std::string_view math =
      R"(y = \mathrm{erf}\,x;\quad \bar x = \frac{2}{\sqrt\pi}\, e^{-x^2}\, \bar y)";
  static constexpr Keep keep = Keep::inputs;

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = \frac{2}{\sqrt\pi} \int_0^x e^{-t^2} dt)", ""},
            {"Slope", R"(\frac{dy}{dx} = \frac{2}{\sqrt\pi}\, e^{-x^2})", "fundamental theorem of calculus"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return unary_samples(
        g, -2, 2, {{"saturated", {vector64({-30.0, 30.0})}, {.order = 0, .reason = "the slope is 0 to rounding"}}});
  }
  static catalogue::ErrorSamples errors() { return catalogue::unary_errors(name, erf); }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g); }
};

Tensor erf(const Tensor& x) { return apply(Erf{}, x); }

TAPEGRAD_CATALOGUE(pointwise, erf, Erf)
}  // namespace tapegrad
#endif
