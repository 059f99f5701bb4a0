#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/neg.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct NegFormula {
  template <class T>
  T value(const T& x) const {
    return -x;
  }
  template <class T>
  double slope(const T&, const T&) const {
    return -1.0;
  }
};
TAPEGRAD_UNARY_KERNELS(NegFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(NegFormula)

struct Neg : UnaryOp<Neg, NegFormula, NegFormulaKernels> {
  static constexpr std::string_view name = "neg";
  static constexpr std::string_view math = R"(y = -x;\quad \bar x = -\bar y)";
  static constexpr Keep keep = Keep::nothing;
  static constexpr bool linear = true;

  Tensor forward(const Tensor& x) const {
    return x.dtype() == int64 ? sub(number_like(0, x), x) : unary_forward(name, NegFormulaKernels, nullptr, x);
  }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = -x)", ""}, {"Cotangent", R"(\bar x = -\bar y)", "the slope is the constant -1"}};
  }
  static catalogue::Samples samples(Generator& g) { return catalogue::unary_samples(g, -2, 2); }
  static catalogue::ErrorSamples errors() {
    return {
        {"bool", [] { (void)neg(zeros({3}, {.dtype = boolean})); }, "[neg] expected a floating tensor, got bool [3]"}};
  }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g); }
};

Tensor neg(const Tensor& x) { return apply(Neg{}, x); }

TAPEGRAD_CATALOGUE(pointwise, neg, Neg)
}  // namespace tapegrad
#endif
