#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/cbrt.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct CbrtFormula {
  template <class T>
  T value(const T& x) const {
    return cbrt(x);
  }
  template <class T>
  T slope(const T&, const T& y) const {
    return (1.0 / 3.0) / (y * y);
  }
};
TAPEGRAD_UNARY_KERNELS(CbrtFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(CbrtFormula)

struct Cbrt : UnaryOp<Cbrt, CbrtFormula, CbrtFormulaKernels> {
  static constexpr std::string_view name = "cbrt";
  static constexpr std::string_view math = R"(y = \sqrt[3]{x};\quad \bar x = \frac{\bar y}{3 y^2})";
  static constexpr Keep keep = Keep::output;

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y^3 = x)", "defined for negative x too"},
            {"Slope", R"(3 y^2 \frac{dy}{dx} = 1 \Rightarrow \frac{dy}{dx} = \frac{1}{3 y^2})",
             "inverse function; inf at 0, the limit from both sides"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return unary_samples(g, 0.3, 2, {{"negative", {uniform(g, {3}, -2, -0.3)}}});
  }
  static catalogue::ErrorSamples errors() { return catalogue::unary_errors(name, cbrt); }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g, 0.1, 2); }
};

Tensor cbrt(const Tensor& x) { return apply(Cbrt{}, x); }

TAPEGRAD_CATALOGUE(pointwise, cbrt, Cbrt)
}  // namespace tapegrad
#endif
