#include "kernels/wrapping.hpp"
#include "ops/pointwise/pointwise_calls.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/pointwise.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/sub.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct SubFormula {
  template <class T>
  T value(const T& a, const T& b) const {
    return a - b;
  }
  template <class T>
  double slope_a(const T&, const T&, const T&) const {
    return 1.0;
  }
  template <class T>
  double slope_b(const T&, const T&, const T&) const {
    return -1.0;
  }
};
TAPEGRAD_BINARY_KERNELS(SubFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_BINARY_KERNELS(SubFormula)

struct Sub : Op<Sub> {
  static constexpr std::string_view name = "sub";
  static constexpr std::string_view math = R"(y = a - b;\quad \bar a = \bar y,\ \bar b = -\bar y)";
  static constexpr Keep keep = Keep::nothing;

  Tensor forward(const Tensor& a, const Tensor& b) const {
    return binary_forward(name, SubFormulaKernels, nullptr, a, b, kInt64Row<kernels::wrapping_sub>);
  }
  std::array<Tensor, 2> vjp(const Saved& s, const Tensor& dy) const { return {dy, s.wants(1) ? neg(dy) : Tensor()}; }
  Tensor jvp(const Saved&, Tangents dx) const {
    return !dx[0].defined() ? neg(dx[1]) : !dx[1].defined() ? dx[0] : sub(dx[0], dx[1]);
  }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y_i = a_i - b_i)", "after broadcasting both to one shape"},
            {"Cotangents", R"(\bar a_i = \bar y_i,\quad \bar b_i = -\bar y_i)", "the partial derivatives are 1 and -1"},
            {"Broadcasting", R"(\bar a_i = \sum_{j:\, i \mapsto j} \bar y_j)",
             "an element used many times collects a cotangent from each use"}};
  }
  static catalogue::Samples samples(Generator& g) { return catalogue::binary_samples(g, -2, 2); }
  static catalogue::ErrorSamples errors() { return catalogue::binary_errors(name, sub, catalogue::Integers::taken); }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[512, 512] - [512]", {catalogue::uniform(g, {512, 512}, -2, 2), catalogue::uniform(g, {512}, -2, 2)}};
  }
};

Tensor sub(const Tensor& a, const Tensor& b) { return apply(Sub{}, a, b); }

TAPEGRAD_CATALOGUE(pointwise, sub, Sub)
}  // namespace tapegrad
#endif
