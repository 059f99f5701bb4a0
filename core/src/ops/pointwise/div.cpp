#include "ops/pointwise/pointwise_op.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

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
    return {{"plain", {uniform(g, {3, 4}, -2, 2), uniform(g, {3, 4}, 0.5, 2)}},
            {"negative divisors", {uniform(g, {4}, -2, 2), uniform(g, {4}, -2, -0.5)}},
            {"broadcast rows", {uniform(g, {2, 3, 4}, -2, 2), uniform(g, {4}, 0.5, 2)}},
            {"broadcast both", {uniform(g, {3, 1}, -2, 2), uniform(g, {1, 4}, 0.5, 2)}},
            {"scalar", {uniform(g, {}, -2, 2), uniform(g, {2, 2}, 0.5, 2)}},
            {"no elements", {uniform(g, {0, 3}, -2, 2), uniform(g, {3}, 1, 2)}}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"shapes",
             [] {
               div(zeros({3, 4}), zeros({5}));
             },
             "[div] cannot broadcast [3, 4] with [5]"},
            {"dtypes", [] { div(zeros({2}), zeros({2}, {.dtype = float64})); }, "[div] float32 [2] with float64 [2]"},
            {"integers", [] { div(arange(2), arange(2)); }, "[div] expected a floating tensor, got int64 [2]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    using catalogue::uniform;
    return {"[512, 512] / [512]", {uniform(g, {512, 512}, -2, 2), uniform(g, {512}, 0.5, 2)}};
  }
};

Tensor div(const Tensor& a, const Tensor& b) { return apply(Div{}, a, b); }

TAPEGRAD_CATALOGUE(pointwise, div, Div)
}  // namespace tapegrad
#endif
