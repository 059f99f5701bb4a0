#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/exp2.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct Exp2Formula {
  template <class T>
  T value(const T& x) const {
    return exp2(x);
  }
  template <class T>
  T slope(const T&, const T& y) const {
    return 0.693147180559945309417 * y;
  }
};
TAPEGRAD_UNARY_KERNELS(Exp2Formula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(Exp2Formula)

struct Exp2 : UnaryOp<Exp2, Exp2Formula, Exp2FormulaKernels> {
  static constexpr std::string_view name = "exp2";
  static constexpr std::string_view math = R"(y = 2^x;\quad \bar x = \bar y\, y \ln 2)";
  static constexpr Keep keep = Keep::output;

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = 2^x = e^{x \ln 2})", "exact at integers"},
            {"Slope", R"(\frac{dy}{dx} = 2^x \ln 2 = y \ln 2)", "the exponent's slope is $\\ln 2$"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return unary_samples(g, -2, 2, {{"around zero", {vector64({-1e-3, 0.0, 1e-3})}}});
  }
  static catalogue::ErrorSamples errors() { return catalogue::unary_errors(name, exp2); }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g); }
};

Tensor exp2(const Tensor& x) { return apply(Exp2{}, x); }

TAPEGRAD_CATALOGUE(pointwise, exp2, Exp2)
}  // namespace tapegrad
#endif
