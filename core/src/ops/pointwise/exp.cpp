#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/exp.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct ExpFormula {
  template <class T>
  T value(const T& x) const {
    return exp(x);
  }
  template <class T>
  T slope(const T&, const T& y) const {
    return y;
  }
};
TAPEGRAD_UNARY_KERNELS(ExpFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(ExpFormula)

struct Exp : UnaryOp<Exp, ExpFormula, ExpFormulaKernels> {
  static constexpr std::string_view name = "exp";
  static constexpr std::string_view math = R"(y = e^x;\quad \bar x = \bar y\, y)";
  static constexpr Keep keep = Keep::output;

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = e^x)", ""},
            {"Slope", R"(\frac{dy}{dx} = e^x = y)", "the function is its own derivative"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return unary_samples(
        g, -2, 2,
        {{"underflow", {vector64({-800.0, -746.0})}, {.order = 0, .reason = "value and slope are 0 to rounding"}}});
  }
  static catalogue::ErrorSamples errors() { return catalogue::unary_errors(name, exp); }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g); }
};

Tensor exp(const Tensor& x) { return apply(Exp{}, x); }

TAPEGRAD_CATALOGUE(pointwise, exp, Exp)
}  // namespace tapegrad
#endif
