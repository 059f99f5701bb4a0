#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/digamma.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct DigammaFormula {
  static constexpr std::int64_t kCost = 200;  // computed element by element
  template <class T>
  T value(const T& x) const {
    return digamma(x);
  }
  template <class T>
  T slope(const T& x, const T&) const {
    return polygamma(1, x);
  }
};
TAPEGRAD_UNARY_KERNELS(DigammaFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(DigammaFormula)

struct Digamma : UnaryOp<Digamma, DigammaFormula, DigammaFormulaKernels> {
  static constexpr std::string_view name = "digamma";
  static constexpr std::string_view math = R"(y = \psi(x);\quad \bar x = \bar y\,\psi'(x))";
  static constexpr Keep keep = Keep::inputs;

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = \psi(x) = \frac{d}{dx} \ln |\Gamma(x)|)", ""},
            {"Recurrence", R"(\psi(x) = \psi(x + 1) - \frac1x)",
             "from $\\Gamma(x + 1) = x\\,\\Gamma(x)$; repeated until the asymptotic series $\\ln x - \\frac{1}{2x} - "
             "\\sum_k \\frac{B_{2k}}{2k\\,x^{2k}}$ holds"},
            {"Reflection", R"(\psi(x) = \psi(1 - x) - \pi \cot \pi x)",
             "for negative x, from $\\Gamma(x)\\,\\Gamma(1 - x) = \\pi / \\sin \\pi x$"},
            {"Slope", R"(\frac{dy}{dx} = \psi'(x))", "the trigamma function, polygamma of order 1"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return unary_samples(g, 0.5, 4, {{"negative", {vector64({-0.4, -1.7, -2.3})}}});
  }
  static catalogue::ErrorSamples errors() { return catalogue::unary_errors(name, digamma); }
  // Few elements, since each takes long.
  static catalogue::Sample benchmark(Generator& g) { return {"[64, 512]", {catalogue::uniform(g, {64, 512}, 0.1, 5)}}; }
};

Tensor digamma(const Tensor& x) { return apply(Digamma{}, x); }

TAPEGRAD_CATALOGUE(pointwise, digamma, Digamma)
}  // namespace tapegrad
#endif
