#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/softsign.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct SoftsignFormula {
  template <class T>
  T value(const T& x) const {
    const auto magnitude = abs(x);
    return select(magnitude == kInfinity, copysign(1.0, x), x / (1.0 + magnitude));
  }
  template <class T>
  T slope(const T& x, const T&) const {
    return square(1.0 / (1.0 + abs(x)));
  }
};
TAPEGRAD_UNARY_KERNELS(SoftsignFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(SoftsignFormula)

struct Softsign : UnaryOp<Softsign, SoftsignFormula, SoftsignFormulaKernels> {
  static constexpr std::string_view name = "softsign";
  static constexpr std::string_view math = R"(y = \frac{x}{1 + |x|};\quad \bar x = \frac{\bar y}{(1 + |x|)^2})";
  static constexpr Keep keep = Keep::inputs;

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = \frac{x}{1 + |x|})", "1 at infinity"},
            {"Slope", R"(\frac{dy}{dx} = \frac{1 + |x| - x\,\mathrm{sgn}\,x}{(1 + |x|)^2} = \frac{1}{(1 + |x|)^2})",
             "quotient rule; at 0 it is 1 from both sides, though |x| has a kink there"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return unary_samples(
        g, 0.1, 2,
        {{"slope 1 at zero", {vector64({0.0})}, {.order = 1, .reason = "the second derivative jumps from 2 to -2"}},
         {"negative", {uniform(g, {3}, -2, -0.1)}},
         {"tails",
          {vector64({-1e3, 1e3})},
          {.order = 1, .reason = "the second derivative is below the rounding of differences"}}});
  }
  static catalogue::ErrorSamples errors() { return catalogue::unary_errors(name, softsign); }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g); }
};

Tensor softsign(const Tensor& x) { return apply(Softsign{}, x); }

TAPEGRAD_CATALOGUE(pointwise, softsign, Softsign)
}  // namespace tapegrad
#endif
