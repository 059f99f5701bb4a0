#include "ops/gated/gated_op.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/gated/geglu.cpp"
#include "kernels/pointwise-inl.hpp"
// After the kernels.
#include "ops/pointwise/gelu_formula-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct GegluFormula {
  template <class T>
  T value(const T& a, const T& b) const {
    return a * gelu(b);
  }
  template <class T>
  T slope_a(const T&, const T& b, const T&) const {
    return gelu(b);
  }
  template <class T>
  T slope_b(const T& a, const T& b, const T&) const {
    return a * GeluFormula().slope(b, b);
  }
};
TAPEGRAD_BINARY_KERNELS(GegluFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_BINARY_KERNELS(GegluFormula)

struct Geglu : GatedOp<Geglu, GegluFormula, GegluFormulaKernels> {
  static constexpr std::string_view name = "geglu";
  static constexpr std::string_view math =
      R"(y = a\,b\,\Phi(b);\quad \bar a = \bar y\,b\,\Phi(b),\ \bar b = \bar y\,a\,(\Phi(b) + b\,\varphi(b)))";
  using GatedOp::GatedOp;

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(x = (a, b),\quad y = a\,\mathrm{gelu}(b),\quad \mathrm{gelu}(b) = b\,\Phi(b))",
             "Shazeer 2020, arXiv:2002.05202: a is the first half along the axis, the gate b the second; Phi is the "
             "normal distribution, exact"},
            {"The value", R"(\bar a = \bar y\,\mathrm{gelu}(b))", "linear in a"},
            {"The gate", R"(\bar b = \bar y\,a\,\mathrm{gelu}'(b) = \bar y\,a\,(\Phi(b) + b\,\varphi(b)))",
             "product rule and $\\Phi' = \\varphi$"},
            {"Together", R"(\bar x = (\bar a, \bar b))", "joined as the halves were cut"}};
  }
  static catalogue::Samples samples(Generator& g) { return gated_samples(g, geglu); }
  static catalogue::ErrorSamples errors() { return gated_errors(name, geglu); }
  static catalogue::Sample benchmark(Generator& g) { return gated_benchmark(g, geglu); }
};

Tensor geglu(const Tensor& x, Axis axis) { return gated<Geglu>(x, axis); }

TAPEGRAD_CATALOGUE(gated, geglu, Geglu)
}  // namespace tapegrad
#endif
