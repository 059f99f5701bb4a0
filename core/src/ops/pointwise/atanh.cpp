#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/atanh.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct AtanhFormula {
  template <class T>
  T value(const T& x) const {
    return atanh(x);
  }
  template <class T>
  T slope(const T& x, const T&) const {
    return 1.0 / one_minus_square(x);
  }
};
TAPEGRAD_UNARY_KERNELS(AtanhFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(AtanhFormula)

struct Atanh : UnaryOp<Atanh, AtanhFormula, AtanhFormulaKernels> {
  static constexpr std::string_view name = "atanh";
  static constexpr std::string_view math = R"(y = \mathrm{artanh}\,x;\quad \bar x = \frac{\bar y}{1 - x^2})";
  static constexpr Keep keep = Keep::inputs;

  static catalogue::Derivation derivation() {
    return {
        {"Definition", R"(y = \mathrm{artanh}\,x = \tfrac12 \ln \frac{1 + x}{1 - x})",
         "infinite at 1 and -1, NaN beyond"},
        {"Slope",
         R"((1 - \tanh^2 y) \frac{dy}{dx} = 1 \Rightarrow \frac{dy}{dx} = \frac{1}{1 - x^2} = \frac{1}{(1 - x)(1 + x)})",
         "inverse function; the product does not cancel near the ends, where the slope is infinite"},
        {"Beyond 1 and -1", R"(|x| > 1 \Rightarrow y = \mathrm{NaN},\ \bar x = \frac{\bar y}{1 - x^2})",
         "the rule does not look at the domain: beside a NaN the gradient is finite"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return unary_samples(g, -0.8, 0.8, {{"around zero", {vector64({-1e-3, 0.0, 1e-3})}}});
  }
  static catalogue::ErrorSamples errors() { return catalogue::unary_errors(name, atanh); }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g, -0.9, 0.9); }
};

Tensor atanh(const Tensor& x) { return apply(Atanh{}, x); }

TAPEGRAD_CATALOGUE(pointwise, atanh, Atanh)
}  // namespace tapegrad
#endif
