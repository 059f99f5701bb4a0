#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/silu.cpp"
#include "kernels/pointwise-inl.hpp"
// After the kernels.
#include "ops/pointwise/silu_formula-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
TAPEGRAD_UNARY_KERNELS(SiluFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(SiluFormula)

struct Silu : UnaryOp<Silu, SiluFormula, SiluFormulaKernels> {
  static constexpr std::string_view name = "silu";
  static constexpr std::string_view math = R"(y = x\,\sigma(x);\quad \bar x = \bar y\,\sigma(x)\,(1 + x\,\sigma(-x)))";
  static constexpr Keep keep = Keep::inputs;
  static constexpr bool recomputable = true;

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = x\,\sigma(x))",
             "Hendrycks and Gimpel 2016, arXiv:1606.08415; Ramachandran et al. 2017, arXiv:1710.05941 (Swish)"},
            {"Slope", R"(\frac{dy}{dx} = \sigma(x) + x\,\sigma(x)\,(1 - \sigma(x)) = \sigma(x)\,(1 + x\,\sigma(-x)))",
             "product rule, and $1 - \\sigma(x) = \\sigma(-x)$, which does not cancel"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return unary_samples(
        g, -2, 2,
        {{"tails", {vector64({-1e3, -40.0, 40.0, 1e3})}, {.order = 0, .reason = "the slope is 0 or 1 to rounding"}}});
  }
  static catalogue::ErrorSamples errors() { return catalogue::unary_errors(name, silu); }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g); }
};

Tensor silu(const Tensor& x) { return apply(Silu{}, x); }

TAPEGRAD_CATALOGUE(pointwise, silu, Silu)
}  // namespace tapegrad
#endif
