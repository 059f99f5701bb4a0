#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/sigmoid.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct SigmoidFormula {
  template <class T>
  T value(const T& x) const {
    return sigmoid(x);
  }
  template <class T>
  T slope(const T& x, const T&) const {
    return logistic_density(x);
  }
};
TAPEGRAD_UNARY_KERNELS(SigmoidFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(SigmoidFormula)

struct Sigmoid : UnaryOp<Sigmoid, SigmoidFormula, SigmoidFormulaKernels> {
  static constexpr std::string_view name = "sigmoid";
  static constexpr std::string_view math = R"(y = \frac{1}{1 + e^{-x}};\quad \bar x = \bar y\,\sigma(x)\,\sigma(-x))";
  static constexpr Keep keep = Keep::inputs;

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = \sigma(x) = \frac{1}{1 + e^{-x}})", "computed from $e^{-|x|}$: nothing overflows"},
            {"Slope", R"(\frac{dy}{dx} = \frac{e^{-x}}{(1 + e^{-x})^2} = \sigma(x)\,\sigma(-x))",
             "not $y (1 - y)$, which needs no input but vanishes where y has rounded to 1: in float32 from $x = 17.33$ "
             "on at the latest"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return unary_samples(
        g, -2, 2,
        {{"saturated", {vector64({-1e3, -40.0, 40.0, 1e3})}, {.order = 0, .reason = "the slope is 0 to rounding"}}});
  }
  static catalogue::ErrorSamples errors() { return catalogue::unary_errors(name, sigmoid); }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g); }
};

Tensor sigmoid(const Tensor& x) { return apply(Sigmoid{}, x); }

TAPEGRAD_CATALOGUE(pointwise, sigmoid, Sigmoid)
}  // namespace tapegrad
#endif
