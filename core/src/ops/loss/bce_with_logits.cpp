#include <fmt/format.h>

#include <array>
#include <utility>

#include "ops/loss/reduced.hpp"
#include "ops/pointwise/pointwise_op.hpp"
#include "ops/sum_of.hpp"
#include "tape/expect.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/tape/create.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/loss/bce_with_logits.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
/// Positives count as negatives do.
struct BceWithLogitsFormula {
  template <class T>
  T value(const T& x, const T& t) const {
    return log1p(exp(-abs(x))) + select(x < 0.0, -t, 1.0 - t) * x;
  }
  template <class T>
  T slope_a(const T& x, const T& t, const T&) const {
    return (1.0 - t) * sigmoid(x) - t * sigmoid(-x);
  }
  template <class T>
  T slope_b(const T& x, const T&, const T&) const {
    return -x;
  }
};
TAPEGRAD_BINARY_KERNELS(BceWithLogitsFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_BINARY_KERNELS(BceWithLogitsFormula)

/// The loss of each entry. Inputs: logits, targets and how much a positive counts (may be undefined: 1).
struct BceWithLogits : Op<BceWithLogits> {
  static constexpr std::string_view name = "bce_with_logits";
  static constexpr std::string_view math =
      R"(\ell = q\, t \log(1 + e^{-x}) + (1 - t) \log(1 + e^x);\quad \bar x = \bar\ell \left((1 - t)\, \sigma(x) - q\, t\, \sigma(-x)\right),\ \bar t = \bar\ell \left(q \log(1 + e^{-x}) - \log(1 + e^x)\right),\ \bar q = \bar\ell\, t \log(1 + e^{-x}))";
  static constexpr Names<3> input_names = {"x", "targets", "positive_weight"};
  bool weighs_positives;

  explicit BceWithLogits(bool with_pos_weight) : weighs_positives(with_pos_weight) {}

  Tensor forward(const Tensor& x, const Tensor& t, const Tensor& q) const {
    if (!weighs_positives) return binary_forward(name, BceWithLogitsFormulaKernels, &kFormula, x, t);
    return q * t * softplus(-x) + (1.0 - t) * softplus(x);
  }
  std::array<Tensor, 3> vjp(const Saved& s, const Tensor& dy) const {
    return {s.wants(0) ? dy * slope_x(s) : Tensor(), s.wants(1) ? dy * slope_t(s) : Tensor(),
            s.wants(2) ? dy * slope_q(s) : Tensor()};
  }
  void fused_vjp(const Saved& s, const Tensor& dy, GradientSink& sink) const {
    if (!weighs_positives) {
      binary_backward(BceWithLogitsFormulaKernels, &kFormula, s, s.input(0), s.input(1), kUndefined, dy, sink);
      return;
    }
    std::array<Tensor, 3> gradients = vjp(s, dy);
    for (int i = 0; i < 3; ++i) sink.add(i, std::move(gradients[static_cast<std::size_t>(i)]));
  }
  Tensor jvp(const Saved& s, Tangents dx) const {
    Tensor dy;
    if (dx[0].defined()) add_to(dy, dx[0] * slope_x(s));
    if (dx[1].defined()) add_to(dy, dx[1] * slope_t(s));
    if (dx[2].defined()) add_to(dy, dx[2] * slope_q(s));
    return dy;
  }

  static catalogue::Derivation derivation() {
    return {
        {"Definition", R"(\ell = -q\, t \log p - (1 - t) \log (1 - p),\quad p = \sigma(x) = \frac{1}{1 + e^{-x}})",
         "the surprise at a target t in [0, 1]; q is how much a positive counts"},
        {"In logits", R"(-\log p = \log(1 + e^{-x}),\quad -\log(1 - p) = \log(1 + e^x))",
         "$1 - p = \\frac{1}{1 + e^x}$; neither form rounds a probability to 0 or 1"},
        {"Together", R"(\ell = q\, t \log(1 + e^{-x}) + (1 - t) \log(1 + e^x))",
         "two logarithms: with $\\log(1 + e^x) = x + \\log(1 + e^{-x})$ one would do, but would cancel for $x \\ll 0$, "
         "where a confident negative has the loss $e^x$"},
        {"Slope", R"(\frac{\partial \ell}{\partial x} = (1 - t)\, \sigma(x) - q\, t\, \sigma(-x))",
         "the slope of $\\log(1 + e^x)$ is $\\sigma(x)$; for $q = 1$ this is $p - t$, what is predicted less what is "
         "true"},
        {"Target and weight",
         R"(\frac{\partial \ell}{\partial t} = q \log(1 + e^{-x}) - \log(1 + e^x),\quad \frac{\partial \ell}{\partial q} = t \log(1 + e^{-x}))",
         "the loss is affine in each; for $q = 1$ the slope by the target is $-x$"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    using catalogue::vector64;
    const auto plain = catalogue::of<2>([](const Tensor& x, const Tensor& t) { return bce_with_logits(x, t); });
    const auto weighted = catalogue::of<4>([](const Tensor& x, const Tensor& t, const Tensor& w, const Tensor& q) {
      return bce_with_logits(x, t, {.weight = w, .pos_weight = q, .reduction = Reduction::none});
    });
    return {{"mean", {uniform(g, {3, 4}, -2, 2), uniform(g, {3, 4}, 0, 1)}, plain},
            {"weights, each entry",
             {uniform(g, {3, 4}, -2, 2), uniform(g, {3, 4}, 0, 1), uniform(g, {3, 1}, 0.5, 2), uniform(g, {4}, 0.5, 2)},
             weighted},
            {"certain targets", {uniform(g, {4}, -2, 2), vector64({0.0, 1.0, 1.0, 0.0})}, plain},
            {"tails", {vector64({-40.0, 30.0, 40.0}), vector64({0.0, 1.0, 0.5})}, plain},
            {"no elements",
             {uniform(g, {0, 3}, -2, 2), uniform(g, {0, 3}, 0, 1)},
             catalogue::of<2>([](const Tensor& x, const Tensor& t) {
               return bce_with_logits(x, t, {.reduction = Reduction::sum});
             })}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"targets",
             [] {
               (void)bce_with_logits(zeros({3, 1}), zeros({3}));
             },
             "[bce_with_logits] expected targets [3, 1], got [3]"},
            {"weights", [] { (void)bce_with_logits(zeros({3}), zeros({3}), {.pos_weight = zeros({2})}); },
             "[bce_with_logits] expected pos_weight to broadcast to [3], got [2]"},
            {"integers", [] { (void)bce_with_logits(arange(3), arange(3)); },
             "[bce_with_logits] expected a floating tensor, got int64 [3]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    using catalogue::uniform;
    return {"[512, 64]",
            {uniform(g, {512, 64}, -2, 2), uniform(g, {512, 64}, 0, 1)},
            catalogue::of<2>([](const Tensor& x, const Tensor& t) { return bce_with_logits(x, t); })};
  }

 private:
  static constexpr BceWithLogitsFormula kFormula{};

  Tensor slope_x(const Saved& s) const {
    const Tensor& x = s.input(0);
    const Tensor& t = s.input(1);
    if (!weighs_positives) return kFormula.slope_a(x, t, kUndefined);
    return (1.0 - t) * sigmoid(x) - s.input(2) * t * sigmoid(-x);
  }
  Tensor slope_t(const Saved& s) const {
    const Tensor& x = s.input(0);
    if (!weighs_positives) return kFormula.slope_b(x, s.input(1), kUndefined);
    return s.input(2) * softplus(-x) - softplus(x);
  }
  static Tensor slope_q(const Saved& s) { return s.input(1) * softplus(-s.input(0)); }
};

Tensor bce_with_logits(const Tensor& logits, const Tensor& targets, const BCEOptions& options) {
  constexpr std::string_view op = BceWithLogits::name;
  expect_defined(op, logits, "input 0 (logits)");
  expect_defined(op, targets, "input 1 (targets)");
  expect_floating(op, logits);
  expect_same_dtype(op, logits, targets);
  if (logits.shape() != targets.shape())
    throw ShapeError(
        fmt::format("[{}] expected targets {}, got {}", op, to_string(logits.shape()), to_string(targets.shape())));
  const auto check = [&](const char* what, const Tensor& weight) {
    if (!weight.defined()) return;
    expect_same_dtype(op, logits, weight);
    if (!broadcasts_to(weight.shape(), logits.shape()))
      throw ShapeError(fmt::format("[{}] expected {} to broadcast to {}, got {}", op, what, to_string(logits.shape()),
                                   to_string(weight.shape())));
  };
  expect_reduction(op, options.reduction);
  check("weight", options.weight);
  check("pos_weight", options.pos_weight);
  const Tensor losses = apply(BceWithLogits(options.pos_weight.defined()), logits, targets, options.pos_weight);
  return reduced(options.weight.defined() ? losses * options.weight : losses, options.reduction);
}

TAPEGRAD_CATALOGUE(loss, bce_with_logits, BceWithLogits)

}  // namespace tapegrad
#endif
