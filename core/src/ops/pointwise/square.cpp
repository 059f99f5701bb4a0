#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/square.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct SquareFormula {
  template <class T>
  T value(const T& x) const {
    return square(x);
  }
  template <class T>
  T slope(const T& x, const T&) const {
    return 2.0 * x;
  }
};
TAPEGRAD_UNARY_KERNELS(SquareFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(SquareFormula)

struct Square : UnaryOp<Square, SquareFormula, SquareFormulaKernels> {
  static constexpr std::string_view name = "square";
  static constexpr std::string_view math = R"(y = x^2;\quad \bar x = 2 x\,\bar y)";
  static constexpr Keep keep = Keep::inputs;

  Tensor forward(const Tensor& x) const {
    expect_defined(name, x);
    return x.dtype() == int64 ? mul(x, x) : unary_forward(name, SquareFormulaKernels, nullptr, x);
  }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = x^2)", ""}, {"Slope", R"(\frac{dy}{dx} = 2x)", "$(x + h)^2 - x^2 = 2xh + h^2$"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return unary_samples(g, -2, 2, {{"at zero", {full64({2}, 0.0)}}});
  }
  static catalogue::ErrorSamples errors() {
    return {{"bool", [] { (void)square(zeros({3}, {.dtype = boolean})); },
             "[square] expected a floating tensor, got bool [3]"}};
  }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g); }
};

Tensor square(const Tensor& x) { return apply(Square{}, x); }

TAPEGRAD_CATALOGUE(pointwise, square, Square)
}  // namespace tapegrad
#endif
