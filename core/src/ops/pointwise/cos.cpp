#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/cos.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct CosFormula {
  template <class T>
  T value(const T& x) const {
    return cos(x);
  }
  template <class T>
  T slope(const T& x, const T&) const {
    return -sin(x);
  }
};
TAPEGRAD_UNARY_KERNELS(CosFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(CosFormula)

struct Cos : UnaryOp<Cos, CosFormula, CosFormulaKernels> {
  static constexpr std::string_view name = "cos";
  static constexpr std::string_view math = R"(y = \cos x;\quad \bar x = -\bar y \sin x)";
  static constexpr Keep keep = Keep::inputs;

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = \cos x)", ""},
            {"Slope", R"(\frac{dy}{dx} = -\sin x)",
             "$\\cos(x + h) = \\cos x \\cos h - \\sin x \\sin h$, where $\\sin h$ is h and $\\cos h$ is 1 but for "
             "higher powers of h"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return unary_samples(g, -4, 4, {{"large angles", {vector64({-1e3, 1e2})}}});
  }
  static catalogue::ErrorSamples errors() { return catalogue::unary_errors(name, cos); }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g); }
};

Tensor cos(const Tensor& x) { return apply(Cos{}, x); }

TAPEGRAD_CATALOGUE(pointwise, cos, Cos)
}  // namespace tapegrad
#endif
