#include "ops/loss/pair_loss.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/tape/create.hpp"

namespace tapegrad {

/// The whole loss in one node: its gradients are one difference and one scale.
struct MseLoss : Op<MseLoss> {
  static constexpr std::string_view name = "mse_loss";
  static constexpr std::string_view math =
      R"(\ell_i = (x_i - t_i)^2;\quad \bar x_i = 2 \bar\ell_i (x_i - t_i),\ \bar t = -\bar x,\ \bar\ell_i = \tfrac1n \bar L \text{ (mean)},\ \bar L \text{ (sum)})";
  static constexpr Names<2> input_names = {"x", "target"};
  Reduction reduction;

  explicit MseLoss(Reduction how) : reduction(how) {}

  Tensor forward(const Tensor& x, const Tensor& t) const {
    expect_pair(name, x, t);
    return reduced(square(x - t), reduction);
  }
  std::array<Tensor, 2> vjp(const Saved& s, const Tensor& dy) const {
    const Tensor dx = slope(s) * dy;
    return {dx, s.wants(1) ? -dx : Tensor()};
  }
  Tensor jvp(const Saved& s, Tangents dx) const {
    const Tensor d = !dx[0].defined() ? -dx[1] : !dx[1].defined() ? dx[0] : dx[0] - dx[1];
    const Tensor terms = 2.0 * (s.input(0) - s.input(1)) * d;
    return reduced(terms, reduction);
  }
  void describe(AttributeVisitor& visitor) const { visitor("reduction", name_of(reduction)); }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(\ell = \frac1n \sum_i (x_i - t_i)^2)", "the sum without 1/n, or each term, on request"},
            {"Slope", R"(\frac{\partial \ell}{\partial x_i} = \frac2n (x_i - t_i))",
             "each $x_i$ stands in one square; the 2 is the power rule's, the $1/n$ the mean's"},
            {"Target", R"(\frac{\partial \ell}{\partial t_i} = -\frac{\partial \ell}{\partial x_i})",
             "only the difference matters"}};
  }
  static catalogue::Samples samples(Generator& g) { return pair_samples(g, mse_loss, {}); }
  static catalogue::ErrorSamples errors() {
    return pair_errors(name, [](const Tensor& x, const Tensor& t) { return mse_loss(x, t); });
  }
  static catalogue::Sample benchmark(Generator& g) {
    return pair_benchmark(g, reduced_pair(mse_loss, Reduction::mean));
  }

 private:
  /// (2 or 2/n) (x - t)
  Tensor slope(const Saved& s) const {
    const Tensor d = s.input(0) - s.input(1);
    return reduction == Reduction::mean ? (2.0 / static_cast<double>(d.numel())) * d : 2.0 * d;
  }
};

Tensor mse_loss(const Tensor& input, const Tensor& target, LossOptions options) {
  expect_reduction(MseLoss::name, options.reduction);
  return apply(MseLoss(options.reduction), input, target);
}

TAPEGRAD_CATALOGUE(loss, mse_loss, MseLoss)

}  // namespace tapegrad
