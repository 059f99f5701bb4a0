#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/lgamma.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct LgammaFormula {
  static constexpr std::int64_t kCost = 130;  // computed element by element
  template <class T>
  T value(const T& x) const {
    return lgamma(x);
  }
  template <class T>
  T slope(const T& x, const T&) const {
    return digamma(x);
  }
};
TAPEGRAD_UNARY_KERNELS(LgammaFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(LgammaFormula)

struct Lgamma : UnaryOp<Lgamma, LgammaFormula, LgammaFormulaKernels> {
  static constexpr std::string_view name = "lgamma";
  static constexpr std::string_view math = R"(y = \ln |\Gamma(x)|;\quad \bar x = \bar y\,\psi(x))";
  static constexpr Keep keep = Keep::inputs;

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = \ln |\Gamma(x)|,\quad \Gamma(x) = \int_0^\infty t^{x-1} e^{-t} dt)",
             "continued to negative x; inf at 0, -1, -2 ..."},
            {"Slope", R"(\frac{dy}{dx} = \frac{\Gamma'(x)}{\Gamma(x)} = \psi(x))", "the digamma function"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return unary_samples(g, 0.5, 4, {{"negative", {vector64({-0.4, -1.7, -2.3})}}});
  }
  static catalogue::ErrorSamples errors() { return catalogue::unary_errors(name, lgamma); }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g, 0.1, 5); }
};

Tensor lgamma(const Tensor& x) { return apply(Lgamma{}, x); }

TAPEGRAD_CATALOGUE(pointwise, lgamma, Lgamma)
}  // namespace tapegrad
#endif
