#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/asinh.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct AsinhFormula {
  template <class T>
  T value(const T& x) const {
    return asinh(x);
  }
  template <class T>
  T slope(const T& x, const T&) const {
    // 1 / sqrt(1 + x^2) = |t| / sqrt(1 + t^2) with t = 1 / x where |x| > 1: x^2 would overflow.
    const auto large = abs(x) > 1.0;
    const T one = number_like(1.0, x);
    const T t = select(large, 1.0 / select(large, x, one), x);
    const T r = rsqrt(1.0 + t * t);
    return select(large, abs(t) * r, r);
  }
};
TAPEGRAD_UNARY_KERNELS(AsinhFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(AsinhFormula)

struct Asinh : UnaryOp<Asinh, AsinhFormula, AsinhFormulaKernels> {
  static constexpr std::string_view name = "asinh";
  static constexpr std::string_view math = R"(y = \mathrm{arsinh}\,x;\quad \bar x = \frac{\bar y}{\sqrt{1 + x^2}})";
  static constexpr Keep keep = Keep::inputs;

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = \mathrm{arsinh}\,x = \ln(x + \sqrt{1 + x^2}))",
             "computed from $\\ln(1 + \\cdot)$ near 0 and from $\\ln 2x$ where $x^2$ would overflow"},
            {"Slope",
             R"(\cosh y \frac{dy}{dx} = 1 \Rightarrow \frac{dy}{dx} = \frac{1}{\cosh y} = \frac{1}{\sqrt{1 + x^2}})",
             "inverse function"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return unary_samples(g, -2, 2,
                         {{"around zero", {vector64({-1e-3, 0.0, 1e-3})}},
                          {"far out",
                           {vector64({-1e3, 1e3})},
                           {.order = 1, .reason = "the second derivative is below the rounding of differences"}}});
  }
  static catalogue::ErrorSamples errors() { return catalogue::unary_errors(name, asinh); }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g); }
};

Tensor asinh(const Tensor& x) { return apply(Asinh{}, x); }

TAPEGRAD_CATALOGUE(pointwise, asinh, Asinh)
}  // namespace tapegrad
#endif
