#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/gelu.cpp"
#include "kernels/pointwise-inl.hpp"
// After the kernels.
#include "ops/pointwise/gelu_formula-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
TAPEGRAD_UNARY_KERNELS(GeluFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(GeluFormula)

struct Gelu : UnaryOp<Gelu, GeluFormula, GeluFormulaKernels> {
  static constexpr std::string_view name = "gelu";
  static constexpr std::string_view math =
      R"(y = x\,\Phi(x);\quad \bar x = \bar y\,(\Phi(x) + x\,\varphi(x))\quad (\text{tanh form: } \sigma(2u) \text{ for } \Phi,\ 2u' \sigma(2u)\, \sigma(-2u) \text{ for } \varphi,\ u = \sqrt{2/\pi}\,(x + 0.044715\,x^3)))";
  static constexpr Keep keep = Keep::inputs;
  static constexpr bool recomputable = true;
  using UnaryOp::UnaryOp;

  void describe(AttributeVisitor& visitor) const { visitor("form", formula.tanh_form != 0.0 ? "tanh" : "exact"); }

  static catalogue::Derivation derivation() {
    return {
        {"Definition", R"(y = x\,\Phi(x) = \tfrac12 x\,\mathrm{erfc}(-x / \sqrt 2))",
         "Hendrycks and Gimpel 2016, arXiv:1606.08415; erfc does not cancel in the left tail as 1 + erf does"},
        {"Slope", R"(\frac{dy}{dx} = \Phi(x) + x\,\varphi(x),\quad \varphi(x) = \frac{e^{-x^2/2}}{\sqrt{2\pi}})",
         "product rule and $\\Phi' = \\varphi$"},
        {"Tanh form", R"(y = \tfrac12 x\,(1 + \tanh u) = x\,\sigma(2u),\quad u = \sqrt{2/\pi}\,(x + 0.044715\,x^3))",
         "the sigmoid keeps the left tail"},
        {"Its slope",
         R"(\frac{dy}{dx} = \sigma(2u)\,(1 + x \cdot 2u'\,\sigma(-2u)),\quad u' = \sqrt{2/\pi}\,(1 + 3 \cdot 0.044715\,x^2))",
         "product rule and the slope of the sigmoid"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return unary_samples(
        g, -2, 2,
        {{"tails", {vector64({-1e3, -40.0, 40.0, 1e3})}, {.order = 0, .reason = "the slope is 0 or 1 to rounding"}},
         {"tanh form", {uniform(g, {3, 4}, -2, 2)}, of([](const Tensor& x) { return gelu(x, GELUForm::tanh); })},
         {"tanh form, tails",
          {vector64({-1e3, -40.0, 40.0, 1e3})},
          of([](const Tensor& x) { return gelu(x, GELUForm::tanh); }),
          {.order = 0, .reason = "the slope is 0 or 1 to rounding"}}});
  }
  static catalogue::ErrorSamples errors() {
    catalogue::ErrorSamples list = catalogue::unary_errors(name, [](const Tensor& x) { return gelu(x); });
    list.push_back({"form", [] { (void)gelu(zeros({3}), static_cast<GELUForm>(9)); }, "[gelu] no such form"});
    return list;
  }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g); }
};

Tensor gelu(const Tensor& x, GELUForm form) {
  if (form > GELUForm::tanh) throw ValueError("[gelu] no such form");
  GeluFormula formula;
  formula.tanh_form = form == GELUForm::tanh ? 1.0 : 0.0;
  return apply(Gelu(formula), x);
}

TAPEGRAD_CATALOGUE(pointwise, gelu, Gelu)
}  // namespace tapegrad
#endif
