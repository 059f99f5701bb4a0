#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "ops/strong_zero.hpp"
#include "tape/recorder.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/div.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct DivFormula {
  template <class T>
  T value(const T& a, const T& b) const {
    return a / b;
  }
  template <class T>
  T slope_a(const T&, const T& b, const T&) const {
    return 1.0 / b;
  }
  template <class T>
  T slope_b(const T&, const T& b, const T& y) const {
    return -(y / b);
  }
};
TAPEGRAD_BINARY_KERNELS(DivFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_BINARY_KERNELS(DivFormula)

struct Div : BinaryOp<Div, DivFormula, DivFormulaKernels> {
  static constexpr std::string_view name = "div";
  static constexpr std::string_view math =
      R"(y = \frac{a}{b};\quad \bar a = \frac{\bar y}{b},\ \bar b = -\bar y\,\frac{y}{b})";
  static constexpr Keep slope_a_reads = Keep::input(1);
  static constexpr Keep slope_b_reads = Keep::input(1) | Keep::output;

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = a / b)", "element by element; division by zero follows IEEE 754"},
            {"By a", R"(\frac{\partial y}{\partial a} = \frac{1}{b})", "b is a constant factor"},
            {"By b", R"(\frac{\partial y}{\partial b} = -\frac{a}{b^2} = -\frac{y}{b})",
             "the quotient that is already known: b squared would overflow long before y does"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return binary_samples(g, 0.5, 2, {{"negative divisors", {uniform(g, {4}, -2, 2), uniform(g, {4}, -2, -0.5)}}});
  }
  static catalogue::ErrorSamples errors() { return catalogue::binary_errors(name, div, catalogue::Integers::refused); }
  static catalogue::Sample benchmark(Generator& g) {
    using catalogue::uniform;
    return {"[512, 512] / [512]", {uniform(g, {512, 512}, -2, 2), uniform(g, {512}, 0.5, 2)}};
  }
};

Tensor div(const Tensor& a, const Tensor& b) {
  Tensor quotient = apply(Div{}, a, b);
  if (recorder.strong_zero) quotient = quotient_with_strong_zeros(quotient, a);
  return quotient;
}

TAPEGRAD_CATALOGUE(pointwise, div, Div)
}  // namespace tapegrad
#endif
