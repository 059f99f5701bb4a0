#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/log10.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct Log10Formula {
  template <class T>
  T value(const T& x) const {
    return log10(x);
  }
  template <class T>
  T slope(const T& x, const T&) const {
    return 0.434294481903251827651 / x;
  }
};
TAPEGRAD_UNARY_KERNELS(Log10Formula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(Log10Formula)

struct Log10 : UnaryOp<Log10, Log10Formula, Log10FormulaKernels> {
  static constexpr std::string_view name = "log10";
  static constexpr std::string_view math = R"(y = \log_{10} x;\quad \bar x = \frac{\bar y}{x \ln 10})";
  static constexpr Keep keep = Keep::inputs;

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = \log_{10} x = \frac{\ln x}{\ln 10})", "-inf at 0, NaN below"},
            {"Slope", R"(\frac{dy}{dx} = \frac{1}{x \ln 10})", "inf at 0"},
            {"Below 0", R"(x < 0 \Rightarrow y = \mathrm{NaN},\ \bar x = \frac{\bar y}{x \ln 10})",
             "the rule does not look at the domain: beside a NaN the gradient is finite"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return unary_samples(g, 0.3, 3,
                         {{"small and large",
                           {vector64({1e-3, 1e3})},
                           {.order = 1, .reason = "the second derivatives differ by twelve orders of magnitude"}}});
  }
  static catalogue::ErrorSamples errors() { return catalogue::unary_errors(name, log10); }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g, 0.1, 3); }
};

Tensor log10(const Tensor& x) { return apply(Log10{}, x); }

TAPEGRAD_CATALOGUE(pointwise, log10, Log10)
}  // namespace tapegrad
#endif
