#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/floor.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct FloorFormula {
  template <class T>
  T value(const T& x) const {
    return floor(x);
  }
  template <class T>
  double slope(const T&, const T&) const {
    return 0.0;
  }
};
TAPEGRAD_UNARY_KERNELS(FloorFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(FloorFormula)

struct Floor : StepOp<Floor, FloorFormulaKernels> {
  static constexpr std::string_view name = "floor";
  static constexpr std::string_view math = R"(y = \lfloor x \rfloor;\quad \bar x = 0)";

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = \lfloor x \rfloor)", "the largest integer not above x"},
            {"Slope", R"(\frac{dy}{dx} = 0)", "constant but for the jumps, where the gradient is taken as 0 too"}};
  }
  static catalogue::Samples samples(Generator& g) { return catalogue::step_samples(g); }
  static catalogue::ErrorSamples errors() { return catalogue::unary_errors(name, floor); }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g); }
};

Tensor floor(const Tensor& x) { return apply(Floor{}, x); }

TAPEGRAD_CATALOGUE(pointwise, floor, Floor)
}  // namespace tapegrad
#endif
