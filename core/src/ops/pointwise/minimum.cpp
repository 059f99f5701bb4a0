#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/minimum.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct MinimumFormula {
  static constexpr bool kZeroBlocks = true;
  template <class T>
  T value(const T& a, const T& b) const {
    return min(a, b);
  }
  template <class T>
  T slope_a(const T& a, const T& b, const T&) const {
    return select(a > b, number_like(0.0, a), select(a == b, number_like(0.5, a), number_like(1.0, a)));
  }
  template <class T>
  T slope_b(const T& a, const T& b, const T&) const {
    return select(b > a, number_like(0.0, b), select(a == b, number_like(0.5, b), number_like(1.0, b)));
  }
};
TAPEGRAD_BINARY_KERNELS(MinimumFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_BINARY_KERNELS(MinimumFormula)

struct Minimum : BinaryOp<Minimum, MinimumFormula, MinimumFormulaKernels> {
  static constexpr std::string_view name = "minimum";
  static constexpr std::string_view math =
      R"(y = \min(a, b);\quad \bar a = \bar y\,([a < b] + \tfrac12 [a = b]),\ \bar b = \bar y\,([b < a] + \tfrac12 [a = b]))";
  static constexpr Keep slope_a_reads = Keep::inputs;
  static constexpr Keep slope_b_reads = Keep::inputs;
  static constexpr std::int64_t int64_value(std::int64_t a, std::int64_t b) { return a > b ? b : a; }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = \min(a, b))", "NaN if either is NaN"},
            {"Cotangents", R"(a \ne b:\quad \bar a = \bar y\,[y = a],\quad \bar b = \bar y\,[y = b])",
             "the smaller operand takes the whole cotangent"},
            {"Ties", R"(\bar a = \bar b = \tfrac12 \bar y)",
             "any split is a supergradient; the even one has the least norm, treats both alike and is PyTorch's"},
            {"NaN", R"(\bar a = \bar b = \bar y)",
             "where either is NaN neither is larger and they do not tie: both take the whole cotangent"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return binary_samples(g, -2, 2,
                          {{"ties split in halves", {vector64({1, -2, 0}), vector64({1, -2, 0})}, {.kink = true}}});
  }
  static catalogue::ErrorSamples errors() {
    return catalogue::binary_errors(name, minimum, catalogue::Integers::taken);
  }
  static catalogue::Sample benchmark(Generator& g) {
    using catalogue::uniform;
    return {"[512, 512], [512]", {uniform(g, {512, 512}, -2, 2), uniform(g, {512}, -2, 2)}};
  }
};

Tensor minimum(const Tensor& a, const Tensor& b) { return apply(Minimum{}, a, b); }

TAPEGRAD_CATALOGUE(pointwise, minimum, Minimum)
}  // namespace tapegrad
#endif
