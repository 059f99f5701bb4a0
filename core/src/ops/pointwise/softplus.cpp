#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/softplus.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct SoftplusFormula {
  template <class T>
  T value(const T& x) const {
    return max(x, 0.0) + log1p(exp(-abs(x)));
  }
  template <class T>
  T slope(const T& x, const T&) const {
    return sigmoid(x);
  }
};
TAPEGRAD_UNARY_KERNELS(SoftplusFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(SoftplusFormula)

struct Softplus : UnaryOp<Softplus, SoftplusFormula, SoftplusFormulaKernels> {
  static constexpr std::string_view name = "softplus";
  static constexpr std::string_view math = R"(y = \ln(1 + e^x);\quad \bar x = \bar y\,\sigma(x))";
  static constexpr Keep keep = Keep::inputs;

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = \ln(1 + e^x) = \max(x, 0) + \ln(1 + e^{-|x|}))",
             "the second form neither overflows nor cancels"},
            {"Slope", R"(\frac{dy}{dx} = \frac{e^x}{1 + e^x} = \sigma(x))",
             "at every x: no switch to the identity, as PyTorch makes above 20"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return unary_samples(
        g, -2, 2,
        {{"tails", {vector64({-1e3, -40.0, 40.0, 1e3})}, {.order = 0, .reason = "the slope is 0 or 1 to rounding"}}});
  }
  static catalogue::ErrorSamples errors() { return catalogue::unary_errors(name, softplus); }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g); }
};

Tensor softplus(const Tensor& x) { return apply(Softplus{}, x); }

TAPEGRAD_CATALOGUE(pointwise, softplus, Softplus)
}  // namespace tapegrad
#endif
