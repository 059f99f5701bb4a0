#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/atan.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct AtanFormula {
  template <class T>
  T value(const T& x) const {
    return atan(x);
  }
  template <class T>
  T slope(const T& x, const T&) const {
    // 1 / (1 + x^2), and far out (1 / x)^2, which is the same to rounding: x^2 would overflow.
    const auto far = abs(x) > 0x1p27;
    const T near_x = select(far, number_like(1.0, x), x);
    const T inverse = 1.0 / select(far, x, 1.0 + near_x * near_x);
    return select(far, inverse * inverse, inverse);
  }
};
TAPEGRAD_UNARY_KERNELS(AtanFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(AtanFormula)

struct Atan : UnaryOp<Atan, AtanFormula, AtanFormulaKernels> {
  static constexpr std::string_view name = "atan";
  static constexpr std::string_view math = R"(y = \arctan x;\quad \bar x = \frac{\bar y}{1 + x^2})";
  static constexpr Keep keep = Keep::inputs;

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(\tan y = x,\quad -\tfrac{\pi}{2} < y < \tfrac{\pi}{2})", ""},
            {"Slope", R"((1 + \tan^2 y) \frac{dy}{dx} = 1 \Rightarrow \frac{dy}{dx} = \frac{1}{1 + x^2})",
             "inverse function"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return unary_samples(g, -2, 2,
                         {{"around zero", {vector64({-1e-3, 0.0, 1e-3})}},
                          {"tails",
                           {vector64({-1e3, 1e3})},
                           {.order = 1, .reason = "the second derivative is below the rounding of differences"}}});
  }
  static catalogue::ErrorSamples errors() { return catalogue::unary_errors(name, atan); }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g); }
};

Tensor atan(const Tensor& x) { return apply(Atan{}, x); }

TAPEGRAD_CATALOGUE(pointwise, atan, Atan)
}  // namespace tapegrad
#endif
