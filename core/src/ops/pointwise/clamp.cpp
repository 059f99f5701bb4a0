#include <fmt/format.h>

#include <limits>

#include "ops/pointwise/pointwise_op.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/clamp.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct ClampFormula {
  static constexpr bool kZeroBlocks = true;
  double low = 0.0;
  double high = 0.0;

  template <class T>
  T value(const T& x) const {
    return clamp(x, low, high);
  }
  template <class T>
  T slope(const T& x, const T&) const {
    const T zero = number_like(0.0, x);
    return select(x < low, zero, select(x > high, zero, number_like(1.0, x)));
  }
};
TAPEGRAD_UNARY_KERNELS(ClampFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(ClampFormula)

static constexpr double kNoBound = std::numeric_limits<double>::infinity();

struct Clamp : UnaryOp<Clamp, ClampFormula, ClampFormulaKernels> {
  static constexpr std::string_view name = "clamp";
  static constexpr std::string_view math = R"(y = \min(\max(x, l), h);\quad \bar x = \bar y\,[l \le x \le h])";
  static constexpr Keep keep = Keep::inputs;
  using UnaryOp::UnaryOp;

  Tensor forward(const Tensor& x) const {
    expect_defined(name, x);
    if (x.dtype() != int64) return unary_forward(name, ClampFormulaKernels, &formula, x);
    const Tensor above = formula.low == -kNoBound ? x.clone() : maximum(x, number_like(formula.low, x));
    return formula.high == kNoBound ? above : minimum(above, number_like(formula.high, x));
  }
  void describe(AttributeVisitor& visitor) const {
    visitor("low", formula.low);
    visitor("high", formula.high);
  }

  static catalogue::Derivation derivation() {
    return {
        {"Definition", R"(y = \min(\max(x, l), h))", "NaN stays NaN"},
        {"Slope", R"(\frac{dy}{dx} = [l \le x \le h])", "constant outside the bounds"},
        {"At a bound", R"(y'(l) = y'(h) = 1)",
         "within the subgradients [0, 1]; the one of least norm is 0, but PyTorch gives 1 and its users count on it"},
        {"NaN", R"(x = \mathrm{NaN} \Rightarrow \bar x = \bar y)",
         "NaN is beyond neither bound, so the gradient passes, although $[l \\le x \\le h]$ is 0"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return {{"plain", {vector64({-2.5, -1.2, 0.0, 0.7, 1.8})}, of([](const Tensor& x) { return clamp(x, -1.5, 1); })},
            {"slope 1 at the bounds",
             {vector64({-1.5, 1.0})},
             of([](const Tensor& x) { return clamp(x, -1.5, 1); }),
             {.kink = true}},
            {"one bound", {uniform(g, {3, 4}, -2, 2)}, of([](const Tensor& x) {
               return clamp(x, -std::numeric_limits<double>::infinity(), 5);
             })},
            {"no elements", {uniform(g, {0, 2}, -1, 1)}, of([](const Tensor& x) { return clamp(x, -1.5, 1); })}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"bool", [] { (void)clamp(zeros({3}, {.dtype = boolean}), 0, 1); },
             "[clamp] expected a floating tensor, got bool [3]"},
            {"a bound that is no integer", [] { (void)clamp(arange(3), 0.5, 2); }, "[clamp] int64 has no 0.5"},
            {"bounds", [] { (void)clamp(zeros({3}), 1, -1); }, "[clamp] expected low <= high, got 1 and -1"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[512, 512]", {catalogue::uniform(g, {512, 512}, -2, 2)}, catalogue::of([](const Tensor& x) {
              return clamp(x, -1, 1);
            })};
  }
};

Tensor clamp(const Tensor& x, double low, double high) {
  if (!(low <= high)) throw ValueError(fmt::format("[clamp] expected low <= high, got {} and {}", low, high));
  if (x.defined() && x.dtype() == int64)
    for (const auto& [bound, none] : {std::pair(low, -kNoBound), std::pair(high, kNoBound)})
      if (bound != none) engine::expect_number_of(Clamp::name, int64, bound);
  ClampFormula bounds;
  bounds.low = low;
  bounds.high = high;
  return apply(Clamp(bounds), x);
}

TAPEGRAD_CATALOGUE(pointwise, clamp, Clamp)
}  // namespace tapegrad
#endif
