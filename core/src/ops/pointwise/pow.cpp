#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/pow.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct PowFormula {
  template <class T>
  T value(const T& a, const T& b) const {
    return pow(a, b);
  }
  template <class T>
  T slope_a(const T& a, const T& b, const T&) const {
    // Where b = 0 the slope is 0 whatever a is, and |a|^b b / a around it, where there is a 1 / a: its derivatives by b
    // are those of a positive base. By a it has none there: a^(b - 2), which the other form's slope would be made of,
    // may be infinite. At an infinite base 1 / a is 0, and all else with it.
    const T one = number_like(1.0, a), zero = number_like(0.0, a);
    const auto at_zero = b == 0.0;
    const T near = select(at_zero, a, one);
    const T size = abs(near);
    const T base = select(1.0 / size < kInfinity, select(size < kInfinity, near, one), one);
    const T slope = b * pow(select(at_zero, abs(base), a), b - select(at_zero, zero, one)) / base;
    return select(size == kInfinity, zero, slope);
  }
  template <class T>
  T slope_b(const T& a, const T& b, const T& y) const {
    // 0^b = 0 for all b > 0, hence slope 0 there: log 1 stands for log 0.
    return y * log(select(a == 0.0, select(b >= 0.0, number_like(1.0, a), a), a));
  }
};
TAPEGRAD_BINARY_KERNELS(PowFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_BINARY_KERNELS(PowFormula)

struct Pow : BinaryOp<Pow, PowFormula, PowFormulaKernels> {
  static constexpr std::string_view name = "pow";
  static constexpr std::string_view math = R"(y = a^b;\quad \bar a = \bar y\, b\, a^{b-1},\ \bar b = \bar y\, y \ln a)";
  static constexpr Keep slope_a_reads = Keep::inputs;
  static constexpr Keep slope_b_reads = Keep::inputs | Keep::output;

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = a^b)", "C's pow: $0^0 = 1$, NaN for a negative base with a fractional exponent"},
            {"By a", R"(\frac{\partial y}{\partial a} = b\, a^{b-1})", "not $b y / a$, which fails at $a = 0$"},
            {"By b", R"(\frac{\partial y}{\partial b} = \frac{\partial}{\partial b} e^{b \ln a} = y \ln a)",
             "NaN for a negative base, around which the power is not defined"},
            {"Exponent 0", R"(b = 0 \Rightarrow \bar a = 0)", "the power is constantly 1"},
            {"Base 0", R"(a = 0,\ b \ge 0 \Rightarrow \bar b = 0)",
             "$0^b$ is constantly 0 for $b > 0$; at $b = 0$ it jumps to 1 and has no slope: 0 is PyTorch's choice"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return {{"plain", {uniform(g, {3, 4}, 0.3, 2), uniform(g, {3, 4}, -2, 2)}},
            {"broadcast both", {uniform(g, {3, 1}, 0.3, 2), uniform(g, {1, 4}, -2, 2)}},
            {"square of any sign", {uniform(g, {5}, -2, 2)}, of([](const Tensor& x) { return pow(x, 2); })},
            {"cube through zero", {vector64({-1.5, 0.0, 0.7})}, of([](const Tensor& x) { return pow(x, 3); })},
            {"exponent 0",
             {vector64({-1.5, 0.0, 0.7})},
             of([](const Tensor& x) { return pow(x, 0); }),
             {.order = 0, .reason = "the gradient is exactly 0"}},
            {"exponent 0, both differentiated", {vector64({0.5, 2.0}), full64({2}, 0.0)}},
            {"inverse", {vector64({-1.5, 0.7, 3})}, of([](const Tensor& x) { return pow(x, -1); })},
            {"number to a power", {uniform(g, {4}, -2, 2)}, of([](const Tensor& x) { return pow(2, x); })},
            {"base 0",
             {full64({4}, 0.0), vector64({0, 1, 2, 3.5})},
             {.order = 0, .reason = "a negative base has no value to take differences with"}},
            {"no elements", {uniform(g, {0, 3}, 1, 2), uniform(g, {3}, -2, 2)}}};
  }
  static catalogue::ErrorSamples errors() { return catalogue::binary_errors(name, pow, catalogue::Integers::refused); }
  static catalogue::Sample benchmark(Generator& g) {
    using catalogue::uniform;
    return {"[512, 512] to [512]", {uniform(g, {512, 512}, 0.3, 2), uniform(g, {512}, -2, 2)}};
  }
};

Tensor pow(const Tensor& a, const Tensor& b) { return apply(Pow{}, a, b); }

TAPEGRAD_CATALOGUE(pointwise, pow, Pow)
}  // namespace tapegrad
#endif
