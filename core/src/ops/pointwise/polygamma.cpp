#include <fmt/format.h>

#include "kernels/gamma.hpp"
#include "ops/pointwise/pointwise_op.hpp"
#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/pointwise/polygamma.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct PolygammaFormula {
  static constexpr std::int64_t kCost = 400;  // computed element by element
  int order = 1;

  template <class T>
  T value(const T& x) const {
    return polygamma(order, x);
  }
  template <class T>
  T slope(const T& x, const T&) const {
    return polygamma(order + 1, x);
  }
};
TAPEGRAD_UNARY_KERNELS(PolygammaFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_UNARY_KERNELS(PolygammaFormula)

struct Polygamma : UnaryOp<Polygamma, PolygammaFormula, PolygammaFormulaKernels> {
  static constexpr std::string_view name = "polygamma";
  static constexpr std::string_view math = R"(y = \psi^{(n)}(x);\quad \bar x = \bar y\,\psi^{(n+1)}(x))";
  static constexpr Keep keep = Keep::inputs;

  using UnaryOp::UnaryOp;

  void describe(AttributeVisitor& visitor) const { visitor("order", formula.order); }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = \psi^{(n)}(x) = (-1)^{n+1} n! \sum_{k=0}^{\infty} \frac{1}{(x + k)^{n+1}})",
             "the n-th derivative of the digamma function, $n \\ge 1$"},
            {"Slope", R"(\frac{dy}{dx} = \psi^{(n+1)}(x))", "term by term"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using namespace catalogue;
    return unary_samples(
        g, 0.5, 4,
        {{"negative", {vector64({-0.4, -1.7, -2.3})}},
         {"order 2", {uniform(g, {3}, 0.5, 4)}, of([](const Tensor& x) { return polygamma(2, x); })},
         {"order 3, negative", {vector64({-0.4, -1.7})}, of([](const Tensor& x) { return polygamma(3, x); })},
         {"order 0", {vector64({0.7, -0.4})}, of([](const Tensor& x) { return polygamma(0, x); })}});
  }
  static catalogue::ErrorSamples errors() {
    catalogue::ErrorSamples errors = catalogue::unary_errors(name, [](const Tensor& x) { return polygamma(1, x); });
    errors.push_back({"negative order", [] { (void)polygamma(-1, zeros({2})); },
                      "[polygamma] expected an order from 0 to 1000, got -1"});
    errors.push_back({"high order", [] { (void)polygamma(1001, zeros({2})); },
                      "[polygamma] expected an order from 0 to 1000, got 1001"});
    return errors;
  }
  // Few elements, since each takes long.
  static catalogue::Sample benchmark(Generator& g) { return {"[64, 512]", {catalogue::uniform(g, {64, 512}, 0.1, 5)}}; }
};

Tensor polygamma(int order, const Tensor& x) {
  if (order < 0 || order > kernels::kMostPolygamma)
    throw ValueError(fmt::format("[polygamma] expected an order from 0 to {}, got {}", kernels::kMostPolygamma, order));
  if (order == 0) return digamma(x);
  PolygammaFormula formula;
  formula.order = order;
  return apply(Polygamma(formula), x);
}

TAPEGRAD_CATALOGUE(pointwise, polygamma, Polygamma)
}  // namespace tapegrad
#endif
