#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/xlogy.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct XlogyFormula {
  template <class T>
  T value(const T& a, const T& b) const {
    return select(a == 0.0, select(is_nan(b), b, number_like(0.0, a)), a * log(b));
  }
  template <class T>
  T slope_a(const T& a, const T& b, const T&) const {
    // log 1 stands for the logarithms that there are not.
    return log(select(a == 0.0, select(b <= 0.0, number_like(1.0, b), b), b));
  }
  template <class T>
  T slope_b(const T& a, const T& b, const T&) const {
    // Not 0 wherever a is: the slope's own slope by a is 1 / b, where b has a logarithm.
    const T of_a = select(a == 0.0, select(b <= 0.0, number_like(0.0, a), a), a);
    return of_a / select(a == 0.0, select(b <= 0.0, number_like(1.0, b), b), b);
  }
};
TAPEGRAD_BINARY_KERNELS(XlogyFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_BINARY_KERNELS(XlogyFormula)

struct Xlogy : BinaryOp<Xlogy, XlogyFormula, XlogyFormulaKernels> {
  static constexpr std::string_view name = "xlogy";
  static constexpr std::string_view math =
      R"(y = a \ln b\ (a \ne 0),\ 0\ (a = 0);\quad \bar a = \bar y \ln b,\ \bar b = \bar y\,\frac{a}{b})";
  static constexpr Keep slope_a_reads = Keep::inputs;
  static constexpr Keep slope_b_reads = Keep::inputs;

  static catalogue::Derivation derivation() {
    return {
        {"Definition", R"(y = a \ln b,\quad y = 0 \text{ where } a = 0)",
         "as $\\lim_{p \\to 0} p \\ln p = 0$: an entropy's outcomes of probability 0 add nothing"},
        {"By a", R"(\frac{\partial y}{\partial a} = \ln b)", "linear in a; at $a = 0$ too, where $b > 0$"},
        {"By b", R"(\frac{\partial y}{\partial b} = \frac{a}{b})", "the logarithm's derivative, a times"},
        {"No logarithm", R"(a = 0,\ b \le 0 \Rightarrow \bar a = 0;\quad a = b = 0 \Rightarrow \bar b = 0)",
         "there is no slope: 0 takes such an outcome out of the gradient; PyTorch's $\\bar b$ is NaN at $a = b = 0$"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return binary_samples(g, 0.3, 2,
                          {{"entropy", {vector64({0.2, 0.7, 1.5})}, of([](const Tensor& x) { return xlogy(x, x); })},
                           {"a = 0", {full64({3}, 0.0), vector64({0.5, 1, 3})}},
                           {"b of a number", {vector64({0.5, 1, 3})}, of([](const Tensor& x) { return xlogy(2, x); })},
                           {"nothing of nothing",
                            {full64({1}, 0.0), full64({1}, 0.0)},
                            {.order = 0, .reason = "no derivative; the gradient is 0"}}});
  }
  static catalogue::ErrorSamples errors() {
    return catalogue::binary_errors(name, xlogy, catalogue::Integers::refused);
  }
  static catalogue::Sample benchmark(Generator& g) {
    using catalogue::uniform;
    return {"[512, 512], [512]", {uniform(g, {512, 512}, -2, 2), uniform(g, {512}, 0.3, 2)}};
  }
};

Tensor xlogy(const Tensor& x, const Tensor& y) { return apply(Xlogy{}, x, y); }

TAPEGRAD_CATALOGUE(pointwise, xlogy, Xlogy)
}  // namespace tapegrad
#endif
