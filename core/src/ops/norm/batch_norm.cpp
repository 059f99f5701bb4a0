#include <fmt/format.h>

#include "base/dispatch.hpp"
#include "kernels/batch_norm.hpp"
#include "ops/expect_positions.hpp"
#include "ops/norm/features.hpp"
#include "ops/rows.hpp"
#include "ops/sum_of.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/norm.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

/// Inputs: x, gamma, beta and the valid positions. Outputs: y, mean and biased variance; y alone is differentiated.
struct BatchNorm : Op<BatchNorm> {
  static constexpr std::string_view name = "batch_norm";
  static constexpr std::string_view math =
      R"(y = \gamma \hat x + \beta,\ \hat x = r (x - \mu),\ r = (\sigma^2 + \epsilon)^{-1/2};\quad \bar x = r \left(g - \tfrac{m}{n} \sum g - \tfrac{m}{n} \hat x \sum g \hat x\right),\ g = \gamma \bar y,\ \bar\gamma = \sum \bar y \hat x,\ \bar\beta = \sum \bar y,\ m = 1 \text{ at the } n \text{ valid positions, else } 0)";
  static constexpr Names<4> input_names = {"x", "gamma", "beta", "positions"};
  static constexpr Names<2> residual_names = {"mean", "r"};
  double eps;
  std::int64_t count;  // valid positions
  bool scaled, masked, zero_padding;

  BatchNorm(const BatchStatisticsOptions& options, bool with_gamma, std::int64_t valid_positions)
      : eps(options.eps),
        count(valid_positions),
        scaled(with_gamma),
        masked(options.mask.positions().defined()),
        zero_padding(options.zero_padding) {}

  Keep keep_for(Wants wants) const {
    return Keep::input(3) | (wants(0) || wants(1) ? Keep::input(0) : Keep::nothing) |
           (wants(0) && scaled ? Keep::input(1) : Keep::nothing);
  }

  std::array<Tensor, 3> forward(Keeper& keeper, const Tensor& x, const Tensor& gamma, const Tensor& beta,
                                const Tensor& positions) const {
    const array::Array in = contiguous_array(x);
    const OptionalElements scale(gamma);
    const OptionalElements shift(beta);
    const OptionalElements valid(positions);
    const TensorOptions like{.dtype = in.dtype};
    const Shape channels{in.shape.back()};
    const Tensor y = empty(in.shape, like);
    const Tensor mean = empty(channels, like);
    const Tensor variance = empty(channels, like);
    const Tensor rstd = empty(channels, like);
    with_floating(in.dtype, [&](auto zero) {
      using T = decltype(zero);
      kernels::batch_norm_forward(facts<T>(in, valid, scale.as<T>(), shift.as<T>()), eps, written<T>(y),
                                  written<T>(mean), written<T>(variance), written<T>(rstd));
    });
    keeper.save(mean);
    keeper.save(rstd);
    return {y, mean, variance};
  }

  std::array<Tensor, 4> vjp(const Saved& s, Cotangents dys) const {
    std::array<Tensor, 4> d;
    if (!dys[0].defined()) return d;
    const Tensor dy = masked && zero_padding ? valid_only(s, dys[0]) : dys[0];
    if (s.wants(0) || s.wants(1)) {
      const Normalised n(*this, s);
      if (s.wants(0)) {
        const Tensor g = scaled ? dy * s.input(1) : dy;
        const Tensor through_statistics = (over_positions(g) + n.xhat * over_positions(g * n.xhat)) * share();
        d[0] = n.rstd * (g - (masked ? valid_only(s, through_statistics) : through_statistics));
      }
      if (s.wants(1)) d[1] = dy * n.xhat;
    }
    if (s.wants(2)) d[2] = dy;
    return d;
  }
  void fused_vjp(const Saved& s, Cotangents dys, GradientSink& sink) const {
    if (!dys[0].defined()) return;
    const bool reads_x = s.wants(0) || s.wants(1);
    if (!reads_x) {
      sink.add(2, vjp(s, dys)[2]);
      return;
    }
    const array::Array x = contiguous_array(s.input(0));
    const array::Array g = contiguous_array(dys[0]);
    const OptionalElements scale(scaled && s.wants(0) ? s.input(1) : Tensor());
    const OptionalElements valid(masked ? s.input(3) : Tensor());
    const TensorOptions like{.dtype = x.dtype};
    const Tensor dx = s.wants(0) ? empty(x.shape, like) : Tensor();
    const Tensor dgamma = s.wants(1) ? empty({x.shape.back()}, like) : Tensor();
    const Tensor dbeta = s.wants(2) ? empty({x.shape.back()}, like) : Tensor();
    with_floating(x.dtype, [&](auto zero) {
      using T = decltype(zero);
      kernels::batch_norm_backward(facts<T>(x, valid, scale.as<T>(), nullptr), array_of(s.residual(0)).as<T>(),
                                   array_of(s.residual(1)).as<T>(), g.as<T>(),
                                   {written<T>(dx), written<T>(dgamma), written<T>(dbeta)});
    });
    sink.add(0, dx);
    sink.add(1, dgamma);
    sink.add(2, dbeta);
  }
  std::array<Tensor, 3> jvp(const Saved& s, Tangents dx) const {
    Tensor dy;
    if (dx[0].defined() || dx[1].defined()) {
      const Normalised n(*this, s);
      if (dx[0].defined()) {
        const Tensor v = masked ? valid_only(s, dx[0]) : dx[0];
        const Tensor own = masked && zero_padding ? v : dx[0];
        const Tensor dxhat = n.rstd * (own - (over_positions(v) + n.xhat * over_positions(v * n.xhat)) * share());
        add_to(dy, scaled ? s.input(1) * dxhat : dxhat);
      }
      if (dx[1].defined()) add_to(dy, dx[1] * n.xhat);
    }
    if (dx[2].defined()) add_to(dy, dx[2]);
    if (masked && zero_padding) dy = valid_only(s, expand(dy, s.output_shape()));
    return {dy, Tensor(), Tensor()};
  }
  void describe(AttributeVisitor& visitor) const {
    visitor("eps", eps);
    visitor("positions", count);
    visitor("zero_padding", zero_padding);
  }

  static catalogue::Derivation derivation() {
    return {
        {"Definition",
         R"(\mu = \langle x \rangle,\quad \sigma^2 = \langle (x - \mu)^2 \rangle,\quad r = (\sigma^2 + \epsilon)^{-1/2},\quad \hat x = r (x - \mu),\quad y = \gamma \hat x + \beta)",
         "Ioffe and Szegedy 2015, arXiv:1502.03167: for one channel, $\\langle a \\rangle$ is the mean over the n "
         "valid positions of the batch ($m = 1$ there, 0 in padding)"},
        {"The parameters", R"(\bar\gamma = \sum_i \bar y_i\, \hat x_i,\quad \bar\beta = \sum_i \bar y_i)",
         "over all positions that y is written at: padding gets the same statistics ($m = 0$), or is set to 0 and has "
         "no gradient (zero_padding)"},
        {"Mean and variance depend on every sample",
         R"(\frac{\partial \mu}{\partial x_j} = \frac{m_j}{n},\quad \frac{\partial \sigma^2}{\partial x_j} = \frac{2 m_j}{n} (x_j - \mu))",
         "the mean's part in the variance drops out: deviations sum to zero"},
        {"The deviation",
         R"(\frac{\partial r}{\partial x_j} = -\tfrac12 r^3 \frac{\partial \sigma^2}{\partial x_j} = -\frac{m_j}{n} r^2 \hat x_j)",
         "chain rule through the inverse root"},
        {"The Jacobian across samples",
         R"(\frac{\partial y_i}{\partial x_j} = \gamma r \left( \delta_{ij} - \frac{m_j}{n} - \frac{m_j \hat x_i \hat x_j}{n} \right))",
         "product rule on $r (x_i - \\mu)$; it is not diagonal: each sample's output depends on all the others"},
        {"Cotangent",
         R"(\bar x_j = r \left( g_j - \frac{m_j}{n} \sum_i g_i - \frac{m_j \hat x_j}{n} \sum_i g_i \hat x_i \right),\quad g = \gamma\, \bar y)",
         "the transpose, for positions that are written; padding that is written 0 has $g = 0$ and gradient 0"},
        {"Two values",
         R"(n = 2 \Rightarrow \hat x = \pm \frac{1}{\sqrt{1 + \epsilon / \sigma^2}},\quad \bar x_1 = -\bar x_2 = \tfrac12 \epsilon r^3 (g_1 - g_2))",
         "two values are always one deviation to either side: next to nothing is left to learn where $\\epsilon \\ll "
         "\\sigma^2$. With one value $y = \\beta$ whatever x is, which is an error"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto with = [](const Mask& mask = {}, bool zero_rest = true) {
      return catalogue::of<3>([=](const Tensor& x, const Tensor& gamma, const Tensor& beta) {
        return batch_norm(x, gamma, beta, {.mask = mask, .zero_padding = zero_rest}).y;
      });
    };
    const Tensor gamma = uniform(g, {3}, 0.5, 1.5);
    const Tensor beta = uniform(g, {3}, -1, 1);
    const Mask lengths = Mask::keep_positions(from_vector<bool>({true, true, true, true, false, false}, {2, 3}));
    const Mask nothing = Mask::from_lengths({0, 0}, 1);
    const auto sequences = [&] { return catalogue::Arguments{uniform(g, {2, 3, 3}, -2, 2), gamma, beta}; };
    return {{"rows", {uniform(g, {4, 3}, -2, 2), gamma, beta}, with()},
            {"sequences", sequences(), with()},
            {"without parameters", {uniform(g, {4, 3}, -2, 2)}, catalogue::of([](const Tensor& x) {
               return batch_norm(x).y;
             })},
            {"padding", sequences(), with(lengths)},
            {"padding that is written", sequences(), with(lengths, false)},
            {"large eps",
             {uniform(g, {4, 3}, -2, 2), gamma, beta},
             catalogue::of<3>([](const Tensor& x, const Tensor& s, const Tensor& b) {
               return batch_norm(x, s, b, {.eps = 0.37}).y;
             })},
            {"two values, large eps",
             {uniform(g, {2, 3}, -2, 2), gamma, beta},
             catalogue::of<3>([](const Tensor& x, const Tensor& s, const Tensor& b) {
               return batch_norm(x, s, b, {.eps = 0.37}).y;
             })},
            {"mean is 1,000 deviations",
             {1e3 + uniform(g, {4, 3}, -2, 2), gamma, beta},
             with(),
             {.order = 0, .reason = "the step that suits the mean is too long for the deviation"}},
            {"nothing valid", {uniform(g, {2, 1, 3}, -2, 2), gamma, beta}, with(nothing)},
            {"no rows", {uniform(g, {0, 3}, -2, 2), gamma, beta}, with()}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"one value",
             [] {
               (void)batch_norm(zeros({1, 3}));
             },
             "[batch_norm] one value per channel: its variance is 0 and the output would be beta whatever x is"},
            {"one valid position",
             [] {
               (void)batch_norm(zeros({2, 1, 3}), {}, {}, {.mask = Mask::from_lengths({1, 0}, 1)});
             },
             "[batch_norm] one value per channel: its variance is 0 and the output would be beta whatever x is (x "
             "[2, 1, 3] with 1 valid position)"},
            {"scalar", [] { (void)batch_norm(zeros({})); }, "[batch_norm] expected x [.., channels], got []"},
            {"gamma",
             [] {
               (void)batch_norm(zeros({2, 3}), ones({2}));
             },
             "[batch_norm] expected gamma [3] for x [2, 3], got [2]"},
            {"positions",
             [] {
               (void)batch_norm(zeros({2, 5, 3}), {}, {}, {.mask = Mask::from_lengths({1, 1}, 3)});
             },
             "[batch_norm] expected the mask's positions to be [N, L] = [2, 5], got [2, 3]"},
            {"positions of no sequences",
             [] {
               (void)batch_norm(zeros({2, 3}), {}, {}, {.mask = Mask::from_lengths({1, 1}, 1)});
             },
             "[batch_norm] expected x [N, L, channels] beside a mask's positions, got [2, 3]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    using catalogue::uniform;
    return {"[64, 12, 64]",
            {uniform(g, {64, 12, 64}, -2, 2), uniform(g, {64}, 0.5, 1.5), uniform(g, {64}, -1, 1)},
            catalogue::of<3>([](const Tensor& x, const Tensor& s, const Tensor& b) { return batch_norm(x, s, b).y; })};
  }

 private:
  template <class T>
  kernels::BatchNorm<T> facts(const array::Array& x, const OptionalElements& valid, const T* gamma,
                              const T* beta) const {
    return {.x = x.as<T>(),
            .rows = row_count(x.shape),
            .channels = x.shape.back(),
            .valid = valid.as<bool>(),
            .count = count,
            .zero_padding = zero_padding,
            .gamma = gamma,
            .beta = beta};
  }

  /// 1 / n; 0 when no position is valid.
  double share() const { return count == 0 ? 0.0 : 1.0 / static_cast<double>(count); }

  /// a at the valid positions, 0 elsewhere. REQUIRES: masked.
  static Tensor valid_only(const Saved& s, const Tensor& a) { return where(unsqueeze(s.input(3), -1), a, 0.0); }

  /// The sum over everything but the channels.
  static Tensor over_positions(const Tensor& a) {
    std::vector<int> leading;
    for (int d = 0; d + 1 < a.dim(); ++d) leading.push_back(d);
    return leading.empty() ? a : sum(a, leading, true);
  }

  /// xhat (0 in padding that is not written) and r, out of differentiable operations.
  struct Normalised {
    Tensor xhat, rstd;

    Normalised(const BatchNorm& op, const Saved& s) {
      const Tensor& x = s.input(0);
      // Padding is cut off before anything is computed of it: what it holds reaches no derivative of any order.
      const auto valid = [&](const Tensor& a) { return op.masked ? valid_only(s, a) : a; };
      const Tensor inside = valid(x);
      const Tensor mean = over_positions(inside) * op.share();
      const Tensor near = inside - mean;
      const Tensor rest = over_positions(valid(near)) * op.share();  // the first mean is rounded
      const Tensor centred = near - rest;
      // In float64, like the kernels, where squares of float32 neither overflow nor vanish.
      const Tensor variance = over_positions(valid(square(centred.to(float64)))) * op.share();
      rstd = (1.0 / sqrt(variance + op.eps)).to(x.dtype());
      xhat = op.masked && !op.zero_padding ? (x - mean - rest) * rstd : valid(centred * rstd);
    }
  };
};

BatchNormResult batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                           const BatchStatisticsOptions& options) {
  constexpr std::string_view op = BatchNorm::name;
  expect_normalised(op, x, "channels", options.eps);
  expect_per_feature(op, "gamma", gamma, x);
  expect_per_feature(op, "beta", beta, x);
  std::int64_t count = row_count(x.shape());
  const Tensor& positions = options.mask.positions();
  if (positions.defined()) {
    if (x.dim() != 3)
      throw ShapeError(
          fmt::format("[{}] expected x [N, L, channels] beside a mask's positions, got {}", op, to_string(x.shape())));
    expect_positions(op, options.mask, "[N, L]", {x.size(0), x.size(1)});
    count = options.mask.valid_count(x.size(0), x.size(1));
  }
  if (count == 1)
    throw ShapeError(fmt::format(
        "[{}] one value per channel: its variance is 0 and the output would be beta whatever x is (x {} with "
        "1 valid position); give more positions, or use running statistics",
        op, to_string(x.shape())));
  auto [y, mean, variance] = apply(BatchNorm(options, gamma.defined(), count), x, gamma, beta, positions);
  return {y, mean.detach(), variance.detach(), count};
}

TAPEGRAD_CATALOGUE(norm, batch_norm, BatchNorm)

}  // namespace tapegrad
