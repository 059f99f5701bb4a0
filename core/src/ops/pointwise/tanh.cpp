#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/tanh.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct TanhFormula {
  template <class T>
  T value(const T& x) const {
    return tanh(x);
  }
  template <class T>
  T slope(const T& x, const T&) const {
    return 4.0 * logistic_density(2.0 * x);
  }
};
TAPEGRAD_UNARY_KERNELS(TanhFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(TanhFormula)

struct Tanh : UnaryOp<Tanh, TanhFormula, TanhFormulaKernels> {
  static constexpr std::string_view name = "tanh";
  static constexpr std::string_view math = R"(y = \tanh x;\quad \bar x = \frac{\bar y}{\cosh^2 x})";
  static constexpr Keep keep = Keep::inputs;

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = \tanh x = \frac{e^x - e^{-x}}{e^x + e^{-x}})", ""},
            {"Slope", R"(\frac{dy}{dx} = \frac{(e^x + e^{-x})^2 - (e^x - e^{-x})^2}{(e^x + e^{-x})^2} = 1 - y^2)",
             "quotient rule"},
            {"Without cancellation", R"(1 - y^2 = \frac{1}{\cosh^2 x} = 4\,\sigma(2x)\,\sigma(-2x))",
             "$1 - y^2$ needs no input but vanishes where y has rounded to 1: in float32 from $x = 9.02$ on at the "
             "latest"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return unary_samples(
        g, -2, 2,
        {{"around zero", {vector64({-1e-3, 0.0, 1e-3})}},
         {"saturated", {vector64({-1e3, -30.0, 30.0, 1e3})}, {.order = 0, .reason = "the slope is 0 to rounding"}}});
  }
  static catalogue::ErrorSamples errors() { return catalogue::unary_errors(name, tanh); }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g); }
};

Tensor tanh(const Tensor& x) { return apply(Tanh{}, x); }

TAPEGRAD_CATALOGUE(pointwise, tanh, Tanh)
}  // namespace tapegrad
#endif
