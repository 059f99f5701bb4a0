#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/log1p.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct Log1pFormula {
  template <class T>
  T value(const T& x) const {
    return log1p(x);
  }
  template <class T>
  T slope(const T& x, const T&) const {
    return 1.0 / (1.0 + x);
  }
};
TAPEGRAD_UNARY_KERNELS(Log1pFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(Log1pFormula)

struct Log1p : UnaryOp<Log1p, Log1pFormula, Log1pFormulaKernels> {
  static constexpr std::string_view name = "log1p";
  static constexpr std::string_view math = R"(y = \ln(1 + x);\quad \bar x = \frac{\bar y}{1 + x})";
  static constexpr Keep keep = Keep::inputs;

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = \ln(1 + x))", "without the cancellation near 0; -inf at -1, NaN below"},
            {"Slope", R"(\frac{dy}{dx} = \frac{1}{1 + x})", "inf at -1"},
            {"Below -1", R"(x < -1 \Rightarrow y = \mathrm{NaN},\ \bar x = \frac{\bar y}{1 + x})",
             "the rule does not look at the domain: beside a NaN the gradient is finite"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return unary_samples(g, -0.7, 3, {{"around zero", {vector64({-1e-3, 0.0, 1e-3})}}});
  }
  static catalogue::ErrorSamples errors() { return catalogue::unary_errors(name, log1p); }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g, -0.5, 2); }
};

Tensor log1p(const Tensor& x) { return apply(Log1p{}, x); }

TAPEGRAD_CATALOGUE(pointwise, log1p, Log1p)
}  // namespace tapegrad
#endif
