#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/round.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct RoundFormula {
  template <class T>
  T value(const T& x) const {
    return round(x);
  }
  template <class T>
  double slope(const T&, const T&) const {
    return 0.0;
  }
};
TAPEGRAD_UNARY_KERNELS(RoundFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(RoundFormula)

struct Round : StepOp<Round, RoundFormulaKernels> {
  static constexpr std::string_view name = "round";
  static constexpr std::string_view math = R"(y = \mathrm{round}\,x;\quad \bar x = 0)";

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = \mathrm{round}\,x)", "to the nearest integer, halves to the even one"},
            {"Slope", R"(\frac{dy}{dx} = 0)", "constant but for the jumps, where the gradient is taken as 0 too"}};
  }
  static catalogue::Samples samples(Generator& g) { return catalogue::step_samples(g); }
  static catalogue::ErrorSamples errors() { return catalogue::unary_errors(name, round); }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g); }
};

Tensor round(const Tensor& x) { return apply(Round{}, x); }

TAPEGRAD_CATALOGUE(pointwise, round, Round)
}  // namespace tapegrad
#endif
