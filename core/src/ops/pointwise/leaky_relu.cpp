#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/leaky_relu.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct LeakyReluFormula {
  double negative_slope = 0.01;
  double slope_at_zero = 0.01;

  template <class T>
  T value(const T& x) const {
    return select(x > 0.0, x, negative_slope * x);
  }
  template <class T>
  T slope(const T& x, const T&) const {
    const T negative = select(x == 0.0, number_like(slope_at_zero, x), number_like(negative_slope, x));
    return select(x > 0.0, number_like(1.0, x), negative);
  }
};
TAPEGRAD_UNARY_KERNELS(LeakyReluFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(LeakyReluFormula)

struct LeakyRelu : UnaryOp<LeakyRelu, LeakyReluFormula, LeakyReluFormulaKernels> {
  static constexpr std::string_view name = "leaky_relu";
  static constexpr std::string_view math =
      R"(y = x\ (x > 0),\ s x\ (x \le 0);\quad \bar x = \bar y\,([x > 0] + s\,[x < 0] + \min(\max(s, 0), 1)\,[x = 0]))";
  static constexpr Keep keep = Keep::inputs;

  using UnaryOp::UnaryOp;

  void describe(AttributeVisitor& visitor) const { visitor("negative_slope", formula.negative_slope); }

  static catalogue::Derivation derivation() {
    return {
        {"Definition", R"(y = x\ (x > 0),\quad y = s x\ (x \le 0))",
         "Maas, Hannun and Ng 2013, Rectifier Nonlinearities Improve Neural Network Acoustic Models: s is the slope "
         "below 0"},
        {"Slope", R"(\frac{dy}{dx} = 1\ (x > 0),\quad \frac{dy}{dx} = s\ (x < 0))", "each branch for itself, a line"},
        {"At zero",
         R"(y'(0) = \mathrm{argmin}\,|t|,\ t\ \text{between}\ s\ \text{and}\ 1:\quad y'(0) = \min(\max(s, 0), 1))",
         "the slope of least norm; PyTorch gives s, which is the same for s from 0 to 1"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return unary_samples(
        g, 0.1, 2,
        {{"negative", {uniform(g, {3}, -2, -0.1)}},
         {"slope 0.3", {vector64({-1.5, -0.2, 0.3})}, of([](const Tensor& x) { return leaky_relu(x, 0.3); })},
         {"the smaller slope at zero", {full64({1}, 0.0)}, {.kink = true}}});
  }
  static catalogue::ErrorSamples errors() {
    return catalogue::unary_errors(name, [](const Tensor& x) { return leaky_relu(x); });
  }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g); }
};

Tensor leaky_relu(const Tensor& x, double negative_slope) {
  LeakyReluFormula formula;
  formula.negative_slope = negative_slope;
  formula.slope_at_zero = least_norm_slope(negative_slope, 1.0);
  return apply(LeakyRelu(formula), x);
}

TAPEGRAD_CATALOGUE(pointwise, leaky_relu, LeakyRelu)
}  // namespace tapegrad
#endif
