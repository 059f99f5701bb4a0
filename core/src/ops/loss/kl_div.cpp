#include <limits>

#include "ops/loss/pair_loss.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/loss/kl_div.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
/// x is the logarithm of what is predicted; t the target p, or its logarithm. Where p = 0 a harmless t takes its place
/// in the branch that is not chosen.
struct KlDivFormula {
  bool log_target = false;

  template <class T>
  T value(const T& x, const T& t) const {
    const T zero = number_like(0.0, t);
    if (log_target) return select(t == -kInfinity, zero, exp(t) * (t - x));
    return select(t == 0.0, zero, t * (log(t) - x));
  }
  template <class T>
  T slope_a(const T&, const T& t, const T&) const {
    return log_target ? -exp(t) : -t;
  }
  template <class T>
  T slope_b(const T& x, const T& t, const T&) const {
    const T zero = number_like(0.0, t);
    if (log_target) {
      const T possible = select(t == -kInfinity, zero, t);
      return select(t == -kInfinity, zero, exp(possible) * (possible + 1.0 - x));
    }
    const T possible = select(t == 0.0, number_like(1.0, t), t);
    const T at_zero = select(x == -kInfinity, zero, number_like(-kInfinity, t));
    return select(t == 0.0, at_zero, log(possible) + 1.0 - x);
  }
};
TAPEGRAD_BINARY_KERNELS(KlDivFormula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_BINARY_KERNELS(KlDivFormula)

/// The term of each entry. Inputs: logarithms x of what is predicted, and targets.
struct KlDiv : BinaryOp<KlDiv, KlDivFormula, KlDivFormulaKernels> {
  static constexpr std::string_view name = "kl_div";
  static constexpr std::string_view math =
      R"(\ell_i = p_i (\log p_i - x_i);\quad \bar x_i = -\bar\ell_i\, p_i,\ \bar p_i = \bar\ell_i (\log p_i + 1 - x_i)\ (\text{log target } t = \log p:\ \bar t_i = p_i \bar p_i))";
  static constexpr Keep slope_a_reads = Keep::input(1);
  static constexpr Keep slope_b_reads = Keep::inputs;
  using BinaryOp::BinaryOp;

  void describe(AttributeVisitor& visitor) const { visitor("log_target", formula.log_target); }

  static catalogue::Derivation derivation() {
    return {
        {"Definition",
         R"(D(p \,\|\, q) = \sum_i p_i \log \frac{p_i}{q_i} = \sum_i p_i (\log p_i - x_i),\quad x = \log q)",
         "Kullback and Leibler 1951: what it costs to expect q where p is true. The prediction comes as logarithms, as "
         "log_softmax gives it"},
        {"Prediction", R"(\frac{\partial \ell_i}{\partial x_i} = -p_i)",
         "linear in x; behind a log_softmax of logits z this becomes $q \\sum p - p$, which is $q - p$, as for cross "
         "entropy"},
        {"Target", R"(\frac{\partial \ell_i}{\partial p_i} = \log p_i + 1 - x_i)", "product rule"},
        {"Target given as a logarithm",
         R"(t = \log p:\quad \ell_i = e^{t_i} (t_i - x_i),\quad \frac{\partial \ell_i}{\partial t_i} = e^{t_i} (t_i + 1 - x_i))",
         "the same by the chain rule: p times the slope above"},
        {"What cannot happen", R"(p_i = 0 \;\Rightarrow\; \ell_i = 0,\ \bar x_i = 0)",
         "the limit of $p \\log p$, and of $p x$ for any finite x; the entry counts for nothing, so it is 0 for x = "
         "-inf too"},
        {"Its slope", R"(p_i \to 0:\quad \frac{\partial \ell_i}{\partial p_i} \to -\infty)",
         "by continuity, as for the logarithm itself; 0 where x = -inf says that the entry is impossible on both "
         "sides"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    using catalogue::vector64;
    const auto with = [](const KLDivOptions& options) {
      return catalogue::of<2>([=](const Tensor& x, const Tensor& t) { return kl_div(x, t, options); });
    };
    const double never = -std::numeric_limits<double>::infinity();
    const auto logarithms = [&g](const Shape& shape) { return uniform(g, shape, -3, -0.1); };
    const auto targets = [&g](const Shape& shape) { return uniform(g, shape, 0.1, 1); };
    return {{"mean", {logarithms({3, 4}), targets({3, 4})}, with({})},
            {"batch mean", {logarithms({3, 4}), targets({3, 4})}, with({.reduction = KLReduction::batch_mean})},
            {"sum", {logarithms({2, 3}), targets({2, 3})}, with({.reduction = KLReduction::sum})},
            {"each", {logarithms({2, 3}), targets({2, 3})}, with({.reduction = KLReduction::none})},
            {"logarithms for targets",
             {logarithms({2, 3}), logarithms({2, 3})},
             with({.reduction = KLReduction::none, .log_target = true})},
            {"target 0",
             {vector64({-1.0, never, -0.5}), vector64({0.0, 0.0, 1.0})},
             with({.reduction = KLReduction::none}),
             {.order = 0, .reason = "the border of the domain"}},
            {"target log 0",
             {vector64({-1.0, never, -0.5}), vector64({never, never, 0.0})},
             with({.reduction = KLReduction::none, .log_target = true}),
             {.order = 0, .reason = "the border of the domain"}},
            {"no elements", {logarithms({0, 3}), targets({0, 3})}, with({.reduction = KLReduction::sum})}};
  }
  static catalogue::ErrorSamples errors() {
    catalogue::ErrorSamples list = pair_errors(name, [](const Tensor& x, const Tensor& t) { return kl_div(x, t); });
    list.push_back({"no batch", [] { (void)kl_div(zeros({}), zeros({}), {.reduction = KLReduction::batch_mean}); },
                    "[kl_div] batch_mean divides by the first dimension, got []"});
    return list;
  }
  static catalogue::Sample benchmark(Generator& g) {
    using catalogue::uniform;
    return {"[512, 64]",
            {uniform(g, {512, 64}, -3, -0.1), uniform(g, {512, 64}, 0.1, 1)},
            catalogue::of<2>([](const Tensor& x, const Tensor& t) { return kl_div(x, t); })};
  }
};

Tensor kl_div(const Tensor& input, const Tensor& target, const KLDivOptions& options) {
  expect_pair(KlDiv::name, input, target);
  if (options.reduction == KLReduction::batch_mean && input.dim() == 0)
    throw ShapeError("[kl_div] batch_mean divides by the first dimension, got []");
  KlDivFormula formula;
  formula.log_target = options.log_target;
  Tensor terms = apply(KlDiv(formula), input, target);
  switch (options.reduction) {
    case KLReduction::none: return terms;
    case KLReduction::mean: return mean(terms);
    case KLReduction::batch_mean: return sum(terms) / static_cast<double>(input.size(0));
    case KLReduction::sum: return sum(terms);
  }
  throw ValueError("[kl_div] no such reduction");
}

TAPEGRAD_CATALOGUE(loss, kl_div, KlDiv)
}  // namespace tapegrad
#endif
