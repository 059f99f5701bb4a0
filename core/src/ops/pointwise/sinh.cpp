#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/sinh.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct SinhFormula {
  template <class T>
  T value(const T& x) const {
    return sinh(x);
  }
  template <class T>
  T slope(const T& x, const T&) const {
    return cosh(x);
  }
};
TAPEGRAD_UNARY_KERNELS(SinhFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(SinhFormula)

struct Sinh : UnaryOp<Sinh, SinhFormula, SinhFormulaKernels> {
  static constexpr std::string_view name = "sinh";
  static constexpr std::string_view math = R"(y = \sinh x;\quad \bar x = \bar y \cosh x)";
  static constexpr Keep keep = Keep::inputs;

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = \sinh x = \tfrac12 (e^x - e^{-x}))",
             "computed from $e^x - 1$ near 0, where the difference cancels"},
            {"Slope", R"(\frac{dy}{dx} = \tfrac12 (e^x + e^{-x}) = \cosh x)",
             "the slope of $e^x$ is $e^x$, that of $e^{-x}$ is $-e^{-x}$"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return unary_samples(g, -2, 2, {{"around zero", {vector64({-1e-3, 0.0, 1e-3})}}});
  }
  static catalogue::ErrorSamples errors() { return catalogue::unary_errors(name, sinh); }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g); }
};

Tensor sinh(const Tensor& x) { return apply(Sinh{}, x); }

TAPEGRAD_CATALOGUE(pointwise, sinh, Sinh)
}  // namespace tapegrad
#endif
