#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/tan.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct TanFormula {
  template <class T>
  T value(const T& x) const {
    return tan(x);
  }
  template <class T>
  T slope(const T&, const T& y) const {
    return 1.0 + y * y;
  }
};
TAPEGRAD_UNARY_KERNELS(TanFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(TanFormula)

struct Tan : UnaryOp<Tan, TanFormula, TanFormulaKernels> {
  static constexpr std::string_view name = "tan";
  static constexpr std::string_view math = R"(y = \tan x;\quad \bar x = \bar y\,(1 + y^2))";
  static constexpr Keep keep = Keep::output;

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = \tan x = \frac{\sin x}{\cos x})", ""},
            {"Slope", R"(\frac{dy}{dx} = \frac{\cos^2 x + \sin^2 x}{\cos^2 x} = 1 + y^2)", "quotient rule"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return unary_samples(g, -1.2, 1.2, {{"around zero", {vector64({-1e-3, 0.0, 1e-3})}}});
  }
  static catalogue::ErrorSamples errors() { return catalogue::unary_errors(name, tan); }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g, -1.2, 1.2); }
};

Tensor tan(const Tensor& x) { return apply(Tan{}, x); }

TAPEGRAD_CATALOGUE(pointwise, tan, Tan)
}  // namespace tapegrad
#endif
