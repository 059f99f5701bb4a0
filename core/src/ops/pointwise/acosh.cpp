#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/acosh.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct AcoshFormula {
  template <class T>
  T value(const T& x) const {
    return acosh(x);
  }
  template <class T>
  T slope(const T& x, const T&) const {
    return rsqrt(x - 1.0) * rsqrt(x + 1.0);  // x^2 - 1 would cancel near 1, and overflow
  }
};
TAPEGRAD_UNARY_KERNELS(AcoshFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(AcoshFormula)

struct Acosh : UnaryOp<Acosh, AcoshFormula, AcoshFormulaKernels> {
  static constexpr std::string_view name = "acosh";
  static constexpr std::string_view math = R"(y = \mathrm{arcosh}\,x;\quad \bar x = \frac{\bar y}{\sqrt{x^2 - 1}})";
  static constexpr Keep keep = Keep::inputs;

  static catalogue::Derivation derivation() {
    return {
        {"Definition", R"(y = \mathrm{arcosh}\,x = \ln(x + \sqrt{x^2 - 1}))", "NaN where $x < 1$"},
        {"Slope",
         R"(\sinh y \frac{dy}{dx} = 1 \Rightarrow \frac{dy}{dx} = \frac{1}{\sinh y} = \frac{1}{\sqrt{x - 1}\,\sqrt{x + 1}})",
         "inverse function; infinite at 1"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return unary_samples(g, 1.3, 3,
                         {{"far out",
                           {vector64({30.0, 1e3})},
                           {.order = 1, .reason = "the second derivative is below the rounding of differences"}}});
  }
  static catalogue::ErrorSamples errors() { return catalogue::unary_errors(name, acosh); }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g, 1.1, 3); }
};

Tensor acosh(const Tensor& x) { return apply(Acosh{}, x); }

TAPEGRAD_CATALOGUE(pointwise, acosh, Acosh)
}  // namespace tapegrad
#endif
