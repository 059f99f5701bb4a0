#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/ceil.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct CeilFormula {
  template <class T>
  T value(const T& x) const {
    return ceil(x);
  }
  template <class T>
  double slope(const T&, const T&) const {
    return 0.0;
  }
};
TAPEGRAD_UNARY_KERNELS(CeilFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(CeilFormula)

struct Ceil : StepOp<Ceil, CeilFormulaKernels> {
  static constexpr std::string_view name = "ceil";
  static constexpr std::string_view math = R"(y = \lceil x \rceil;\quad \bar x = 0)";

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = \lceil x \rceil)", "the least integer not below x"},
            {"Slope", R"(\frac{dy}{dx} = 0)", "constant but for the jumps, where the gradient is taken as 0 too"}};
  }
  static catalogue::Samples samples(Generator& g) { return catalogue::step_samples(g); }
  static catalogue::ErrorSamples errors() { return catalogue::unary_errors(name, ceil); }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g); }
};

Tensor ceil(const Tensor& x) { return apply(Ceil{}, x); }

TAPEGRAD_CATALOGUE(pointwise, ceil, Ceil)
}  // namespace tapegrad
#endif
