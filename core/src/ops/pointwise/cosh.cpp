#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/cosh.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct CoshFormula {
  template <class T>
  T value(const T& x) const {
    return cosh(x);
  }
  template <class T>
  T slope(const T& x, const T&) const {
    return sinh(x);
  }
};
TAPEGRAD_UNARY_KERNELS(CoshFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(CoshFormula)

struct Cosh : UnaryOp<Cosh, CoshFormula, CoshFormulaKernels> {
  static constexpr std::string_view name = "cosh";
  static constexpr std::string_view math = R"(y = \cosh x;\quad \bar x = \bar y \sinh x)";
  static constexpr Keep keep = Keep::inputs;

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = \cosh x = \tfrac12 (e^x + e^{-x}))", ""},
            {"Slope", R"(\frac{dy}{dx} = \tfrac12 (e^x - e^{-x}) = \sinh x)",
             "the slope of $e^x$ is $e^x$, that of $e^{-x}$ is $-e^{-x}$"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return unary_samples(g, -2, 2, {{"around zero", {vector64({-1e-3, 0.0, 1e-3})}}});
  }
  static catalogue::ErrorSamples errors() { return catalogue::unary_errors(name, cosh); }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g); }
};

Tensor cosh(const Tensor& x) { return apply(Cosh{}, x); }

TAPEGRAD_CATALOGUE(pointwise, cosh, Cosh)
}  // namespace tapegrad
#endif
