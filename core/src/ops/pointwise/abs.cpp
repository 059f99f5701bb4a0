#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/abs.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct AbsFormula {
  template <class T>
  T value(const T& x) const {
    return abs(x);
  }
  template <class T>
  T slope(const T& x, const T&) const {
    return sign(x);
  }
};
TAPEGRAD_UNARY_KERNELS(AbsFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(AbsFormula)

struct Abs : UnaryOp<Abs, AbsFormula, AbsFormulaKernels> {
  static constexpr std::string_view name = "abs";
  static constexpr std::string_view math = R"(y = |x|;\quad \bar x = \bar y\,\mathrm{sgn}\, x)";
  static constexpr Keep keep = Keep::inputs;

  Tensor forward(const Tensor& x) const {
    expect_defined(name, x);
    return x.dtype() == int64 ? maximum(x, neg(x)) : unary_forward(name, AbsFormulaKernels, nullptr, x);
  }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = |x|)", ""},
            {"Slope", R"(\frac{dy}{dx} = \mathrm{sgn}\,x)", "$|x|$ is x or $-x$, each a line"},
            {"At zero", R"(\mathrm{sgn}\,0 = 0 \in [-1, 1])",
             "the subgradient of least norm; PyTorch agrees, JAX gives +1"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return unary_samples(
        g, 0.1, 2,
        {{"negative", {uniform(g, {3}, -2, -0.1)}}, {"slope 0 at zero", {full64({1}, 0.0)}, {.kink = true}}});
  }
  static catalogue::ErrorSamples errors() {
    return {
        {"bool", [] { (void)abs(zeros({3}, {.dtype = boolean})); }, "[abs] expected a floating tensor, got bool [3]"}};
  }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g); }
};

Tensor abs(const Tensor& x) { return apply(Abs{}, x); }

TAPEGRAD_CATALOGUE(pointwise, abs, Abs)
}  // namespace tapegrad
#endif
