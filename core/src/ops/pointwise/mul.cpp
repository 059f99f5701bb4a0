#include "tape/pointwise_op.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

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

struct Mul : Op<Mul> {
  static constexpr std::string_view name = "mul";
  static constexpr std::string_view math = R"(y = a b;\quad \bar a = \bar y\, b,\ \bar b = \bar y\, a)";

  /// Each gradient reads the other operand only.
  Keep keep_for(Wants wants) const {
    return (wants(0) ? Keep::input(1) : Keep::nothing) | (wants(1) ? Keep::input(0) : Keep::nothing);
  }

  Tensor forward(const Tensor& a, const Tensor& b) const {
    return binary_forward(name, MulFormulaKernels, nullptr, a, b);
  }
  std::array<Tensor, 2> vjp(const Saved& s, const Tensor& dy) const {
    return {s.wants(0) ? dy * s.input(1) : Tensor(), s.wants(1) ? dy * s.input(0) : Tensor()};
  }
  Tensor jvp(const Saved& s, Tangents dx) const {
    if (!dx[1].defined()) return dx[0] * s.input(1);
    if (!dx[0].defined()) return dx[1] * s.input(0);
    return dx[0] * s.input(1) + s.input(0) * dx[1];
  }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y_i = a_i b_i)", ""},
            {"Cotangents", R"(\bar a_i = \bar y_i b_i,\quad \bar b_i = \bar y_i a_i)",
             "the product rule: each factor is the other's slope"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    return {{"plain", {uniform(g, {3, 4}, -2, 2), uniform(g, {3, 4}, -2, 2)}},
            {"broadcast both", {uniform(g, {3, 1}, -2, 2), uniform(g, {1, 4}, -2, 2)}},
            {"scalar", {uniform(g, {}, -2, 2), uniform(g, {2, 2}, -2, 2)}},
            {"at zero", {catalogue::full64({2}, 0.0), uniform(g, {2}, -2, 2)}},
            {"no elements", {uniform(g, {0, 3}, -2, 2), uniform(g, {3}, -2, 2)}}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"shapes",
             [] {
               mul(zeros({3, 4}), zeros({5}));
             },
             "[mul] cannot broadcast [3, 4] with [5]"},
            {"dtypes", [] { mul(zeros({2}), zeros({2}, {.dtype = float64})); }, "[mul] float32 [2] with float64 [2]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[512, 512] * [512]", {catalogue::uniform(g, {512, 512}, -2, 2), catalogue::uniform(g, {512}, -2, 2)}};
  }
};

Tensor mul(const Tensor& a, const Tensor& b) { return apply(Mul{}, a, b); }

TAPEGRAD_CATALOGUE(pointwise, mul, Mul)
}  // namespace tapegrad
#endif
