#include "ops/gated/gated_op.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/gated/swiglu.cpp"
#include "kernels/pointwise-inl.hpp"
// After the kernels.
#include "ops/pointwise/silu_formula-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct SwigluFormula {
  template <class T>
  T value(const T& a, const T& b) const {
    return a * silu(b);
  }
  template <class T>
  T slope_a(const T&, const T& b, const T&) const {
    return silu(b);
  }
  template <class T>
  T slope_b(const T& a, const T& b, const T&) const {
    return a * SiluFormula().slope(b, b);
  }
};
TAPEGRAD_BINARY_KERNELS(SwigluFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_BINARY_KERNELS(SwigluFormula)

struct Swiglu : GatedOp<Swiglu, SwigluFormula, SwigluFormulaKernels> {
  static constexpr std::string_view name = "swiglu";
  static constexpr std::string_view math =
      R"(y = a\,b\,\sigma(b);\quad \bar a = \bar y\,b\,\sigma(b),\ \bar b = \bar y\,a\,\sigma(b)\,(1 + b\,\sigma(-b)))";
  using GatedOp::GatedOp;

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(x = (a, b),\quad y = a\,\mathrm{silu}(b),\quad \mathrm{silu}(b) = b\,\sigma(b))",
             "Shazeer 2020, arXiv:2002.05202: a is the first half along the axis, the gate b the second"},
            {"The value", R"(\bar a = \bar y\,\mathrm{silu}(b))", "linear in a"},
            {"The gate", R"(\bar b = \bar y\,a\,\mathrm{silu}'(b) = \bar y\,a\,\sigma(b)\,(1 + b\,\sigma(-b)))",
             "the slope of silu, by the product rule and $1 - \\sigma(b) = \\sigma(-b)$; this gate may be negative and "
             "has no upper bound"},
            {"Together", R"(\bar x = (\bar a, \bar b))", "joined as the halves were cut"}};
  }
  static catalogue::Samples samples(Generator& g) { return gated_samples(g, swiglu); }
  static catalogue::ErrorSamples errors() { return gated_errors(name, swiglu); }
  static catalogue::Sample benchmark(Generator& g) { return gated_benchmark(g, swiglu); }
};

Tensor swiglu(const Tensor& x, Axis axis) { return gated<Swiglu>(x, axis); }

TAPEGRAD_CATALOGUE(gated, swiglu, Swiglu)
}  // namespace tapegrad
#endif
