#include "ops/pointwise/pointwise_op.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#define HWY_TARGET_INCLUDE "ops/pointwise/sin.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct SinFormula {
  template <class T>
  T value(const T& x) const {
    return sin(x);
  }
  template <class T>
  T slope(const T& x, const T&) const {
    return cos(x);
  }
};
TAPEGRAD_UNARY_KERNELS(SinFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(SinFormula)

struct Sin : UnaryOp<Sin, SinFormula, SinFormulaKernels> {
  static constexpr std::string_view name = "sin";
  static constexpr std::string_view math = R"(y = \sin x;\quad \bar x = \bar y \cos x)";
  static constexpr Keep keep = Keep::inputs;

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = \sin x)", ""}, {"Slope", R"(\frac{dy}{dx} = \cos x)", ""}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return {{"plain", {uniform(g, {3, 4}, -4, 4)}},
            {"large angles", {vector64({-1e3, 1e2})}},
            {"scalar", {uniform(g, {}, 1, 2)}},
            {"no elements", {uniform(g, {0, 2}, 1, 2)}}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"integers", [] { sin(arange(3)); }, "[sin] expected a floating tensor, got int64 [3]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[512, 512]", {catalogue::uniform(g, {512, 512}, -2, 2)}};
  }
};

Tensor sin(const Tensor& x) { return apply(Sin{}, x); }

TAPEGRAD_CATALOGUE(pointwise, sin, Sin)
}  // namespace tapegrad
#endif
