#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/relu.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct ReluFormula {
  static constexpr bool kZeroBlocks = true;
  template <class T>
  T value(const T& x) const {
    return max(x, 0.0);
  }
  template <class T>
  T slope(const T&, const T& y) const {
    return sign(y);
  }
};
TAPEGRAD_UNARY_KERNELS(ReluFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(ReluFormula)

struct Relu : UnaryOp<Relu, ReluFormula, ReluFormulaKernels> {
  static constexpr std::string_view name = "relu";
  static constexpr std::string_view math = R"(y = \max(x, 0);\quad \bar x = \bar y\,[x > 0])";
  static constexpr Keep keep = Keep::output;

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = \max(x, 0))", ""},
            {"Slope", R"(\frac{dy}{dx} = [x > 0] = \mathrm{sgn}\,y)",
             "y is never negative: its sign is 0 or 1, and only the output need be kept"},
            {"At zero", R"(y'(0) = 0 \in [0, 1])", "the subgradient of least norm, as in PyTorch and JAX"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return {{"plain", {vector64({-2, -0.5, 0.3, 1.7})}},
            {"slope 0 at zero", {full64({1}, 0.0)}, {.kink = true}},
            {"scalar", {uniform(g, {}, 1, 2)}},
            {"no elements", {uniform(g, {0, 2}, 1, 2)}}};
  }
  static catalogue::ErrorSamples errors() { return catalogue::unary_errors(name, relu); }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g); }
};

Tensor relu(const Tensor& x) { return apply(Relu{}, x); }

TAPEGRAD_CATALOGUE(pointwise, relu, Relu)
}  // namespace tapegrad
#endif
