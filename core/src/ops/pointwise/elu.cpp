#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/elu.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct EluFormula {
  double alpha = 1.0;
  double slope_at_zero = 1.0;

  template <class T>
  T value(const T& x) const {
    return select(x > 0.0, x, alpha * expm1(x));
  }
  template <class T>
  T slope(const T& x, const T&) const {
    const T negative = alpha * exp(select(x > 0.0, number_like(0.0, x), x));  // e^x of a large x would give 0 inf
    return select(x > 0.0, number_like(1.0, x), select(x == 0.0, number_like(slope_at_zero, x), negative));
  }
};
TAPEGRAD_UNARY_KERNELS(EluFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(EluFormula)

struct Elu : UnaryOp<Elu, EluFormula, EluFormulaKernels> {
  static constexpr std::string_view name = "elu";
  static constexpr std::string_view math =
      R"(y = x\ (x > 0),\ \alpha (e^x - 1)\ (x \le 0);\quad \bar x = \bar y\,([x > 0] + \alpha e^x [x < 0] + \min(\max(\alpha, 0), 1)\,[x = 0]))";
  static constexpr Keep keep = Keep::inputs;

  using UnaryOp::UnaryOp;

  void describe(AttributeVisitor& visitor) const { visitor("alpha", formula.alpha); }

  static catalogue::Derivation derivation() {
    return {
        {"Definition", R"(y = x\ (x > 0),\quad y = \alpha (e^x - 1)\ (x \le 0))",
         "Clevert, Unterthiner and Hochreiter 2016, arXiv:1511.07289: $-\\alpha$ is the value far below 0; "
         "$e^x - 1$ without cancellation"},
        {"Slope", R"(\frac{dy}{dx} = 1\ (x > 0),\quad \frac{dy}{dx} = \alpha e^x\ (x < 0))", "each branch for itself"},
        {"At zero",
         R"(y'(0) = \mathrm{argmin}\,|s|,\ s\ \text{between}\ \alpha\ \text{and}\ 1:\quad y'(0) = \min(\max(\alpha, 0), 1))",
         "a kink unless alpha = 1: the slope of least norm; PyTorch gives alpha, which is the same for alpha from 0 to "
         "1"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return unary_samples(
        g, 0.1, 2,
        {{"negative", {uniform(g, {3}, -2, -0.1)}},
         {"far out", {vector64({-40.0, 1e3})}, {.order = 0, .reason = "the slope is 0 or 1 to rounding"}},
         {"alpha 0.5", {vector64({-1.5, -0.2, 0.3})}, of([](const Tensor& x) { return elu(x, 0.5); })},
         {"slope alpha at zero", {full64({1}, 0.0)}, of([](const Tensor& x) { return elu(x, 0.5); }), {.kink = true}}});
  }
  static catalogue::ErrorSamples errors() {
    return catalogue::unary_errors(name, [](const Tensor& x) { return elu(x); });
  }
  static catalogue::Sample benchmark(Generator& g) { return catalogue::unary_benchmark(g); }
};

Tensor elu(const Tensor& x, double alpha) {
  EluFormula formula;
  formula.alpha = alpha;
  formula.slope_at_zero = least_norm_slope(alpha, 1.0);
  return apply(Elu(formula), x);
}

TAPEGRAD_CATALOGUE(pointwise, elu, Elu)
}  // namespace tapegrad
#endif
