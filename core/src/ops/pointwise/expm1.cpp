#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/expm1.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct Expm1Formula {
  template <class T>
  T value(const T& x) const {
    return expm1(x);
  }
  template <class T>
  T slope(const T& x, const T&) const {
    return exp(x);
  }
};
TAPEGRAD_UNARY_KERNELS(Expm1Formula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(Expm1Formula)

struct Expm1 : UnaryOp<Expm1, Expm1Formula, Expm1FormulaKernels> {
  static constexpr std::string_view name = "expm1";
  static constexpr std::string_view math = R"(y = e^x - 1;\quad \bar x = \bar y\, e^x)";
  static constexpr Keep keep = Keep::inputs;

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = e^x - 1)", "without the cancellation near 0"},
            {"Slope", R"(\frac{dy}{dx} = e^x)", "not $y + 1$, which is rounded to 0 where y is near -1"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return unary_samples(g, -2, 2,
                         {{"around zero", {vector64({-1e-3, 0.0, 1e-3})}},
                          {"left tail",
                           {vector64({-700.0, -40.0})},
                           {.order = 0, .reason = "the slope is far below the rounding of y"}}});
  }
  static catalogue::ErrorSamples errors() { return catalogue::unary_errors(name, expm1); }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g); }
};

Tensor expm1(const Tensor& x) { return apply(Expm1{}, x); }

TAPEGRAD_CATALOGUE(pointwise, expm1, Expm1)
}  // namespace tapegrad
#endif
