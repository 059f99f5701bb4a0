#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/log.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct LogFormula {
  template <class T>
  T value(const T& x) const {
    return log(x);
  }
  template <class T>
  T slope(const T& x, const T&) const {
    return 1.0 / x;
  }
};
TAPEGRAD_UNARY_KERNELS(LogFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(LogFormula)

struct Log : UnaryOp<Log, LogFormula, LogFormulaKernels> {
  static constexpr std::string_view name = "log";
  static constexpr std::string_view math = R"(y = \ln x;\quad \bar x = \bar y / x)";
  static constexpr Keep keep = Keep::inputs;

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = \ln x)", "-inf at 0, NaN below"},
            {"Slope", R"(\frac{dy}{dx} = \frac1x)", "from $e^y = x$: $y' e^y = 1$; inf at 0"},
            {"Below 0", R"(x < 0 \Rightarrow y = \mathrm{NaN},\ \bar x = \bar y / x)",
             "the rule does not look at the domain: beside a NaN the gradient is finite"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return unary_samples(g, 0.3, 3,
                         {{"small",
                           {vector64({1e-12, 1e-6, 1e-3})},
                           {.order = 0, .reason = "the derivatives change faster than a step of differences"}},
                          {"slope inf at zero", {full64({1}, 0.0)}, {.order = 0, .reason = "the slope is infinite"}}});
  }
  static catalogue::ErrorSamples errors() { return catalogue::unary_errors(name, log); }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g, 0.1, 2); }
};

Tensor log(const Tensor& x) { return apply(Log{}, x); }

TAPEGRAD_CATALOGUE(pointwise, log, Log)
}  // namespace tapegrad
#endif
