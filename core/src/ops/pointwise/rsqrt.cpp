#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/rsqrt.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct RsqrtFormula {
  template <class T>
  T value(const T& x) const {
    return rsqrt(x);
  }
  template <class T>
  T slope(const T&, const T& y) const {
    return -0.5 * y * y * y;
  }
};
TAPEGRAD_UNARY_KERNELS(RsqrtFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(RsqrtFormula)

struct Rsqrt : UnaryOp<Rsqrt, RsqrtFormula, RsqrtFormulaKernels> {
  static constexpr std::string_view name = "rsqrt";
  static constexpr std::string_view math = R"(y = x^{-1/2};\quad \bar x = -\tfrac12\, \bar y\, y^3)";
  static constexpr Keep keep = Keep::output;

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = \frac{1}{\sqrt x})", "inf at 0, NaN below"},
            {"Slope", R"(\frac{dy}{dx} = -\tfrac12 x^{-3/2} = -\tfrac12 y^3)", "only the output need be kept"}};
  }
  static catalogue::Samples samples(Generator& g) { return catalogue::unary_samples(g, 0.3, 3); }
  static catalogue::ErrorSamples errors() { return catalogue::unary_errors(name, rsqrt); }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g, 0.1, 2); }
};

Tensor rsqrt(const Tensor& x) { return apply(Rsqrt{}, x); }

TAPEGRAD_CATALOGUE(pointwise, rsqrt, Rsqrt)
}  // namespace tapegrad
#endif
