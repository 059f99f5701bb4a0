#include "ops/gated/gated_op.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/gated/glu.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct GluFormula {
  template <class T>
  T value(const T& a, const T& b) const {
    return a * sigmoid(b);
  }
  template <class T>
  T slope_a(const T&, const T& b, const T&) const {
    return sigmoid(b);
  }
  template <class T>
  T slope_b(const T& a, const T& b, const T&) const {
    return a * logistic_density(b);
  }
};
TAPEGRAD_BINARY_KERNELS(GluFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_BINARY_KERNELS(GluFormula)

struct Glu : GatedOp<Glu, GluFormula, GluFormulaKernels> {
  static constexpr std::string_view name = "glu";
  static constexpr std::string_view math =
      R"(y = a\,\sigma(b);\quad \bar a = \bar y\,\sigma(b),\ \bar b = \bar y\,a\,\sigma(b)\,\sigma(-b))";
  using GatedOp::GatedOp;

  static catalogue::Derivation derivation() {
    return {
        {"Definition", R"(x = (a, b),\quad y = a\,\sigma(b))",
         "Dauphin et al. 2017, arXiv:1612.08083: a is the first half along the axis, the gate b the second"},
        {"The value", R"(\bar a = \bar y\,\sigma(b))",
         "linear in a: the gradient passes as far as the gate is open, without a saturating slope on its way"},
        {"The gate", R"(\bar b = \bar y\,a\,\sigma(b)\,(1 - \sigma(b)) = \bar y\,a\,\sigma(b)\,\sigma(-b))",
         "the slope of the sigmoid; written with $\\sigma(-b)$ it keeps its relative precision where the gate is open"},
        {"Together", R"(\bar x = (\bar a, \bar b))", "joined as the halves were cut"}};
  }
  static catalogue::Samples samples(Generator& g) { return gated_samples(g, glu); }
  static catalogue::ErrorSamples errors() { return gated_errors(name, glu); }
  static catalogue::Sample benchmark(Generator& g) { return gated_benchmark(g, glu); }
};

Tensor glu(const Tensor& x, Axis axis) { return gated<Glu>(x, axis); }

TAPEGRAD_CATALOGUE(gated, glu, Glu)
}  // namespace tapegrad
#endif
