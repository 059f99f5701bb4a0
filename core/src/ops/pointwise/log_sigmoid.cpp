#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/log_sigmoid.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct LogSigmoidFormula {
  template <class T>
  T value(const T& x) const {
    return -(max(-x, 0.0) + log1p(exp(-abs(x))));
  }
  template <class T>
  T slope(const T& x, const T&) const {
    return sigmoid(-x);
  }
};
TAPEGRAD_UNARY_KERNELS(LogSigmoidFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(LogSigmoidFormula)

struct LogSigmoid : UnaryOp<LogSigmoid, LogSigmoidFormula, LogSigmoidFormulaKernels> {
  static constexpr std::string_view name = "log_sigmoid";
  static constexpr std::string_view math = R"(y = \ln \sigma(x);\quad \bar x = \bar y\,\sigma(-x))";
  static constexpr Keep keep = Keep::inputs;

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = \ln \frac{1}{1 + e^{-x}} = -\max(-x, 0) - \ln(1 + e^{-|x|}))",
             "the second form neither overflows nor loses the right tail, where $\\sigma$ has rounded to 1"},
            {"Slope", R"(\frac{dy}{dx} = \frac{\sigma(x)\,\sigma(-x)}{\sigma(x)} = \sigma(-x))",
             "chain rule; 1/2 at 0, where the parts of the second form have a kink each"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return unary_samples(
        g, -2, 2,
        {{"around zero", {vector64({-1e-3, 0.0, 1e-3})}},
         {"tails", {vector64({-1e3, -40.0, 40.0, 1e3})}, {.order = 0, .reason = "the slope is 0 or 1 to rounding"}}});
  }
  static catalogue::ErrorSamples errors() { return catalogue::unary_errors(name, log_sigmoid); }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g); }
};

Tensor log_sigmoid(const Tensor& x) { return apply(LogSigmoid{}, x); }

TAPEGRAD_CATALOGUE(pointwise, log_sigmoid, LogSigmoid)
}  // namespace tapegrad
#endif
