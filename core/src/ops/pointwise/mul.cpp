#include "kernels/wrapping.hpp"
#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "ops/strong_zero.hpp"
#include "tape/recorder.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/mul.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct MulFormula {
  template <class T>
  T value(const T& a, const T& b) const {
    return a * b;
  }
  template <class T>
  T slope_a(const T&, const T& b, const T&) const {
    return b;
  }
  template <class T>
  T slope_b(const T& a, const T&, const T&) const {
    return a;
  }
};
TAPEGRAD_BINARY_KERNELS(MulFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_BINARY_KERNELS(MulFormula)

struct Mul : BinaryOp<Mul, MulFormula, MulFormulaKernels> {
  static constexpr std::string_view name = "mul";
  static constexpr std::string_view math = R"(y = a b;\quad \bar a = \bar y\, b,\ \bar b = \bar y\, a)";
  static constexpr Keep slope_a_reads = Keep::input(1);
  static constexpr Keep slope_b_reads = Keep::input(0);
  static constexpr auto int64_value = kernels::wrapping_mul;

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y_i = a_i b_i)", ""},
            {"Cotangents", R"(\bar a_i = \bar y_i b_i,\quad \bar b_i = \bar y_i a_i)",
             "the product rule: each factor is the other's slope"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return binary_samples(g, -2, 2, {{"at zero", {full64({2}, 0.0), uniform(g, {2}, -2, 2)}}});
  }
  static catalogue::ErrorSamples errors() { return catalogue::binary_errors(name, mul, catalogue::Integers::taken); }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[512, 512] * [512]", {catalogue::uniform(g, {512, 512}, -2, 2), catalogue::uniform(g, {512}, -2, 2)}};
  }
};

Tensor mul(const Tensor& a, const Tensor& b) {
  Tensor product = apply(Mul{}, a, b);
  if (recorder.strong_zero) product = with_strong_zeros(product, a, b);
  return product;
}

TAPEGRAD_CATALOGUE(pointwise, mul, Mul)
}  // namespace tapegrad
#endif
