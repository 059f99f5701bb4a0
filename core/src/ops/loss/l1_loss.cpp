#include "ops/loss/pair_loss.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/loss/l1_loss.cpp"
#include "kernels/pointwise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
struct L1Formula {
  template <class T>
  T value(const T& x, const T& t) const {
    return abs(x - t);
  }
  template <class T>
  T slope_a(const T& x, const T& t, const T&) const {
    return sign(x - t);
  }
  template <class T>
  T slope_b(const T& x, const T& t, const T&) const {
    return sign(t - x);
  }
};
TAPEGRAD_BINARY_KERNELS(L1Formula)
}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad {
TAPEGRAD_EXPORT_BINARY_KERNELS(L1Formula)

/// The loss of each entry.
struct L1Loss : BinaryOp<L1Loss, L1Formula, L1FormulaKernels> {
  static constexpr std::string_view name = "l1_loss";
  static constexpr std::string_view math =
      R"(\ell_i = |x_i - t_i|;\quad \bar x_i = \bar\ell_i\,\mathrm{sgn}(x_i - t_i),\ \bar t_i = -\bar x_i)";
  static constexpr Keep slope_a_reads = Keep::inputs;
  static constexpr Keep slope_b_reads = Keep::inputs;

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(\ell_i = |x_i - t_i|)", "one entry; the mean and the sum are taken of these"},
            {"Slope", R"(\frac{\partial \ell_i}{\partial x_i} = \mathrm{sgn}(x_i - t_i))",
             "the same however far the target is: outliers pull no harder than others"},
            {"At the target", R"(x_i = t_i \;\Rightarrow\; \bar x_i = 0)",
             "of the subgradients [-1, 1] the one of least norm"},
            {"Target", R"(\frac{\partial \ell_i}{\partial t_i} = -\frac{\partial \ell_i}{\partial x_i})",
             "only the difference matters"}};
  }
  static catalogue::Samples samples(Generator& g) {
    return pair_samples(g, l1_loss,
                        {{"at the target",
                          {catalogue::vector64({1.0, -2.0}), catalogue::vector64({1.0, -2.0})},
                          reduced_pair(l1_loss, Reduction::none),
                          {.order = 1, .reason = "a kink", .kink = true}}});
  }
  static catalogue::ErrorSamples errors() {
    return pair_errors(name, [](const Tensor& x, const Tensor& t) { return l1_loss(x, t); });
  }
  static catalogue::Sample benchmark(Generator& g) { return pair_benchmark(g, reduced_pair(l1_loss, Reduction::mean)); }
};

Tensor l1_loss(const Tensor& input, const Tensor& target, LossOptions options) {
  expect_pair(L1Loss::name, input, target);
  expect_reduction(L1Loss::name, options.reduction);
  return reduced(apply(L1Loss{}, input, target), options.reduction);
}

TAPEGRAD_CATALOGUE(loss, l1_loss, L1Loss)
}  // namespace tapegrad
#endif
