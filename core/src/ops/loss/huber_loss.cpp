#include <fmt/format.h>

#include "ops/loss/pair_loss.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/loss/huber_loss.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct HuberFormula {
  double delta = 1.0;

  template <class T>
  T value(const T& x, const T& t) const {
    const T d = x - t;
    const T distance = abs(d);
    return select(distance > delta, delta * (distance - 0.5 * delta), 0.5 * d * d);
  }
  template <class T>
  T slope_a(const T& x, const T& t, const T&) const {
    return clamp(x - t, -delta, delta);
  }
  template <class T>
  T slope_b(const T& x, const T& t, const T&) const {
    return clamp(t - x, -delta, delta);
  }
};
TAPEGRAD_BINARY_KERNELS(HuberFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_BINARY_KERNELS(HuberFormula)

/// The loss of each entry.
struct HuberLoss : BinaryOp<HuberLoss, HuberFormula, HuberFormulaKernels> {
  static constexpr std::string_view name = "huber_loss";
  static constexpr std::string_view math =
      R"(\ell_i = \tfrac12 d_i^2 \text{ if } |d_i| \le \delta \text{ else } \delta (|d_i| - \tfrac12 \delta),\ d = x - t;\quad \bar x_i = \bar\ell_i \min(\max(d_i, -\delta), \delta),\ \bar t_i = -\bar x_i)";
  static constexpr Keep slope_a_reads = Keep::inputs;
  static constexpr Keep slope_b_reads = Keep::inputs;
  using BinaryOp::BinaryOp;

  void describe(AttributeVisitor& visitor) const { visitor("delta", formula.delta); }

  static catalogue::Derivation derivation() {
    return {
        {"Definition",
         R"(\ell_i = \begin{cases} \tfrac12 d_i^2 & |d_i| \le \delta \\ \delta (|d_i| - \tfrac12 \delta) & \text{else} \end{cases},\quad d_i = x_i - t_i)",
         "Huber 1964; the straight line takes over from the square with its value and its slope"},
        {"Slope", R"(\frac{\partial \ell_i}{\partial x_i} = \min(\max(d_i, -\delta), \delta))",
         "the square's slope, cut off: an outlier pulls with delta and no more. It has no jump, so the loss has a "
         "derivative everywhere"},
        {"Target", R"(\frac{\partial \ell_i}{\partial t_i} = -\frac{\partial \ell_i}{\partial x_i})",
         "only the difference matters"},
        {"Second order", R"(\frac{\partial^2 \ell_i}{\partial x_i^2} = [|d_i| \le \delta])",
         "at |d| = delta the slope has a kink, where clamp's choice is 1"}};
  }
  static catalogue::Samples samples(Generator& g) {
    const auto with = [](double delta) {
      return [delta](const Tensor& x, const Tensor& t, LossOptions options) {
        return huber_loss(x, t, {.delta = delta, .reduction = options.reduction});
      };
    };
    using catalogue::vector64;
    return pair_samples(g, with(1.0),
                        {{"another delta",
                          {vector64({-2.0, -0.3, 0.2, 2.5}), vector64({0.4, -0.1, 0.5, 0.1})},
                          reduced_pair(with(0.6), Reduction::none)},
                         {"where the line begins",
                          {vector64({0.0, 3.0}), vector64({1.0, 2.0})},
                          reduced_pair(with(1.0), Reduction::none),
                          {.order = 1, .reason = "the slope has a kink"}},
                         {"outliers",
                          {vector64({1e6, -1e200}), vector64({0.0, 0.0})},
                          reduced_pair(with(1.0), Reduction::none),
                          {.order = 0, .reason = "a step that suits the size loses the slope's digits"}}});
  }
  static catalogue::ErrorSamples errors() {
    catalogue::ErrorSamples list = pair_errors(name, [](const Tensor& x, const Tensor& t) { return huber_loss(x, t); });
    list.push_back({"delta", [] { (void)huber_loss(zeros({3}), zeros({3}), {.delta = 0.0}); },
                    "[huber_loss] expected a delta above 0, got 0"});
    return list;
  }
  static catalogue::Sample benchmark(Generator& g) {
    return pair_benchmark(g, catalogue::of<2>([](const Tensor& x, const Tensor& t) { return huber_loss(x, t); }));
  }
};

Tensor huber_loss(const Tensor& input, const Tensor& target, const HuberOptions& options) {
  expect_pair(HuberLoss::name, input, target);
  if (!(options.delta > 0.0))
    throw ValueError(fmt::format("[{}] expected a delta above 0, got {}", HuberLoss::name, options.delta));
  expect_reduction(HuberLoss::name, options.reduction);
  HuberFormula formula;
  formula.delta = options.delta;
  return reduced(apply(HuberLoss(formula), input, target), options.reduction);
}

TAPEGRAD_CATALOGUE(loss, huber_loss, HuberLoss)
}  // namespace tapegrad
#endif
