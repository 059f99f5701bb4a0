#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/sqrt.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct SqrtFormula {
  template <class T>
  T value(const T& x) const {
    return sqrt(x);
  }
  template <class T>
  T slope(const T&, const T& y) const {
    return 0.5 / y;
  }
};
TAPEGRAD_UNARY_KERNELS(SqrtFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(SqrtFormula)

struct Sqrt : UnaryOp<Sqrt, SqrtFormula, SqrtFormulaKernels> {
  static constexpr std::string_view name = "sqrt";
  static constexpr std::string_view math = R"(y = \sqrt x;\quad \bar x = \frac{\bar y}{2y})";
  static constexpr Keep keep = Keep::output;

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = \sqrt x)", "NaN for negative x"},
            {"Slope", R"(\frac{dy}{dx} = \frac{1}{2\sqrt x} = \frac{1}{2y})", "only the output need be kept"},
            {"At zero", R"(\lim_{x \to 0^+} y'(x) = \infty)",
             "so the slope is inf, as in PyTorch; a zero cotangent times inf is NaN"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return unary_samples(g, 0.3, 3,
                         {{"small",
                           {vector64({1e-12, 1e-6, 1e-3})},
                           {.order = 0, .reason = "the derivatives change faster than a step of differences"}},
                          {"slope inf at zero", {full64({1}, 0.0)}, {.order = 0, .reason = "the slope is infinite"}}});
  }
  static catalogue::ErrorSamples errors() { return catalogue::unary_errors(name, sqrt); }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g, 0.1, 2); }
};

Tensor sqrt(const Tensor& x) { return apply(Sqrt{}, x); }

TAPEGRAD_CATALOGUE(pointwise, sqrt, Sqrt)
}  // namespace tapegrad
#endif
