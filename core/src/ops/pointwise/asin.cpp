#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/asin.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct AsinFormula {
  template <class T>
  T value(const T& x) const {
    return asin(x);
  }
  template <class T>
  T slope(const T& x, const T&) const {
    return rsqrt(one_minus_square(x));
  }
};
TAPEGRAD_UNARY_KERNELS(AsinFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(AsinFormula)

struct Asin : UnaryOp<Asin, AsinFormula, AsinFormulaKernels> {
  static constexpr std::string_view name = "asin";
  static constexpr std::string_view math = R"(y = \arcsin x;\quad \bar x = \frac{\bar y}{\sqrt{1 - x^2}})";
  static constexpr Keep keep = Keep::inputs;

  static catalogue::Derivation derivation() {
    return {
        {"Definition", R"(\sin y = x,\quad -\tfrac{\pi}{2} \le y \le \tfrac{\pi}{2})", "NaN where |x| > 1"},
        {"Slope",
         R"(\cos y \frac{dy}{dx} = 1 \Rightarrow \frac{dy}{dx} = \frac{1}{\cos y} = \frac{1}{\sqrt{(1 - x)(1 + x)}})",
         "inverse function; the product does not cancel near the ends, where the slope is infinite"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return unary_samples(g, -0.8, 0.8, {{"around zero", {vector64({-1e-3, 0.0, 1e-3})}}});
  }
  static catalogue::ErrorSamples errors() { return catalogue::unary_errors(name, asin); }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g, -0.9, 0.9); }
};

Tensor asin(const Tensor& x) { return apply(Asin{}, x); }

TAPEGRAD_CATALOGUE(pointwise, asin, Asin)
}  // namespace tapegrad
#endif
