#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/acos.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct AcosFormula {
  template <class T>
  T value(const T& x) const {
    return acos(x);
  }
  template <class T>
  T slope(const T& x, const T&) const {
    return -rsqrt(one_minus_square(x));
  }
};
TAPEGRAD_UNARY_KERNELS(AcosFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(AcosFormula)

struct Acos : UnaryOp<Acos, AcosFormula, AcosFormulaKernels> {
  static constexpr std::string_view name = "acos";
  static constexpr std::string_view math = R"(y = \arccos x;\quad \bar x = -\frac{\bar y}{\sqrt{1 - x^2}})";
  static constexpr Keep keep = Keep::inputs;

  static catalogue::Derivation derivation() {
    return {
        {"Definition", R"(\cos y = x,\quad 0 \le y \le \pi)", "NaN where |x| > 1"},
        {"Slope",
         R"(-\sin y \frac{dy}{dx} = 1 \Rightarrow \frac{dy}{dx} = -\frac{1}{\sin y} = -\frac{1}{\sqrt{(1 - x)(1 + x)}})",
         "inverse function; the product does not cancel near the ends, where the slope is infinite"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return unary_samples(g, -0.8, 0.8, {{"around zero", {vector64({-1e-3, 0.0, 1e-3})}}});
  }
  static catalogue::ErrorSamples errors() { return catalogue::unary_errors(name, acos); }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g, -0.9, 0.9); }
};

Tensor acos(const Tensor& x) { return apply(Acos{}, x); }

TAPEGRAD_CATALOGUE(pointwise, acos, Acos)
}  // namespace tapegrad
#endif
