#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/sin.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct SinFormula {
  template <class T>
  T value(const T& x) const {
    return sin(x);
  }
  template <class T>
  T slope(const T& x, const T&) const {
    return cos(x);
  }
};
TAPEGRAD_UNARY_KERNELS(SinFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(SinFormula)

struct Sin : UnaryOp<Sin, SinFormula, SinFormulaKernels> {
  static constexpr std::string_view name = "sin";
  static constexpr std::string_view math = R"(y = \sin x;\quad \bar x = \bar y \cos x)";
  static constexpr Keep keep = Keep::inputs;

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = \sin x)", ""},
            {"Slope", R"(\frac{dy}{dx} = \cos x)",
             "$\\sin(x + h) = \\sin x \\cos h + \\cos x \\sin h$, where $\\sin h$ is h and $\\cos h$ is 1 but for "
             "higher powers of h"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return unary_samples(g, -4, 4, {{"large angles", {vector64({-1e3, 1e2})}}});
  }
  static catalogue::ErrorSamples errors() { return catalogue::unary_errors(name, sin); }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g); }
};

Tensor sin(const Tensor& x) { return apply(Sin{}, x); }

TAPEGRAD_CATALOGUE(pointwise, sin, Sin)
}  // namespace tapegrad
#endif
