#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/log2.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct Log2Formula {
  template <class T>
  T value(const T& x) const {
    return log2(x);
  }
  template <class T>
  T slope(const T& x, const T&) const {
    return 1.44269504088896340736 / x;
  }
};
TAPEGRAD_UNARY_KERNELS(Log2Formula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(Log2Formula)

struct Log2 : UnaryOp<Log2, Log2Formula, Log2FormulaKernels> {
  static constexpr std::string_view name = "log2";
  static constexpr std::string_view math = R"(y = \log_{2} x;\quad \bar x = \frac{\bar y}{x \ln 2})";
  static constexpr Keep keep = Keep::inputs;

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = \log_{2} x = \frac{\ln x}{\ln 2})", "-inf at 0, NaN below; exact at powers of two"},
            {"Slope", R"(\frac{dy}{dx} = \frac{1}{x \ln 2})", "inf at 0"},
            {"Below 0", R"(x < 0 \Rightarrow y = \mathrm{NaN},\ \bar x = \frac{\bar y}{x \ln 2})",
             "the rule does not look at the domain: beside a NaN the gradient is finite"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return unary_samples(g, 0.3, 3,
                         {{"small and large",
                           {vector64({1e-3, 1e3})},
                           {.order = 1, .reason = "the second derivatives differ by twelve orders of magnitude"}}});
  }
  static catalogue::ErrorSamples errors() { return catalogue::unary_errors(name, log2); }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g, 0.1, 3); }
};

Tensor log2(const Tensor& x) { return apply(Log2{}, x); }

TAPEGRAD_CATALOGUE(pointwise, log2, Log2)
}  // namespace tapegrad
#endif
