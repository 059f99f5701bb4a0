#include <fmt/format.h>

#include "ops/norm/grouped_norm_op.hpp"
#include "tapegrad/base/error.hpp"

namespace tapegrad {

struct InstanceNorm : GroupedNormOp<InstanceNorm> {
  static constexpr std::string_view name = "instance_norm";
  static constexpr std::string_view math =
      R"(y_{nc} = \gamma_c \hat x_{nc} + \beta_c,\ \hat x = r (x - \mu),\ r = (\sigma^2 + \epsilon)^{-1/2} \text{ per } n, c;\quad \bar x = \gamma_c\, r \left(\bar y - \langle \bar y \rangle - \hat x \langle \bar y\, \hat x \rangle\right),\ \bar\gamma_c = \sum_{nl} \bar y_{ncl} \hat x_{ncl},\ \bar\beta_c = \sum_{nl} \bar y_{ncl})";
  using GroupedNormOp::GroupedNormOp;

  static catalogue::Derivation derivation() {
    return {
        {"Definition",
         R"(\mu = \langle x \rangle,\quad \sigma^2 = \langle (x - \mu)^2 \rangle,\quad r = (\sigma^2 + \epsilon)^{-1/2},\quad \hat x = r (x - \mu),\quad y_{ncl} = \gamma_c \hat x_{ncl} + \beta_c)",
         "Ulyanov, Vedaldi and Lempitsky 2016, arXiv:1607.08022: $\\langle a \\rangle$ is the mean of a over the "
         "positions of one channel of one sample; loudness and offset of each channel are forgotten, in training and "
         "in evaluation alike"},
        {"The parameters",
         R"(\bar\gamma_c = \sum_{n,l} \bar y_{ncl}\, \hat x_{ncl},\quad \bar\beta_c = \sum_{n,l} \bar y_{ncl})",
         "y is linear in both, and both serve one channel of all samples"},
        {"x enters three times", R"(d\hat x = r\,(dx - d\mu) + (x - \mu)\, dr)",
         "product rule: by itself, through the mean and through the deviation of its channel"},
        {"Mean and deviation",
         R"(d\mu = \langle dx \rangle,\quad d\sigma^2 = \tfrac{2}{r} \langle \hat x\, dx \rangle,\quad dr = -\tfrac12 r^3\, d\sigma^2 = -r^2 \langle \hat x\, dx \rangle)",
         "the mean's own part in the variance drops out: deviations from it sum to zero"},
        {"The differential",
         R"(d\hat x = r \left( dx - \langle dx \rangle - \hat x \langle \hat x\, dx \rangle \right))",
         "layer norm's, with the channel for its row: what dx does to the mean and (up to $\\epsilon$) to the length "
         "is taken out"},
        {"Cotangent",
         R"(\bar x = \gamma_c\, r \left( \bar y - \langle \bar y \rangle - \hat x \langle \bar y\, \hat x \rangle \right))",
         "that map is its own transpose, and $\\gamma$ is one number for the whole row, so it may stand in front"},
        {"Two positions",
         R"(L = 2 \Rightarrow \hat x = \pm \frac{1}{\sqrt{1 + \epsilon / \sigma^2}},\quad \bar x_1 = -\bar x_2 = \tfrac12 \epsilon r^3 \gamma_c (\bar y_1 - \bar y_2))",
         "as for batch norm of two values: next to nothing is left to learn where $\\epsilon \\ll \\sigma^2$. One "
         "position is an error"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto with = [](double eps = 1e-5) {
      return catalogue::of<3>(
          [=](const Tensor& x, const Tensor& gamma, const Tensor& beta) { return instance_norm(x, gamma, beta, eps); });
    };
    const auto inputs = [&g](const Shape& shape) {
      return catalogue::Arguments{uniform(g, shape, -2, 2), uniform(g, {shape[1]}, 0.5, 1.5),
                                  uniform(g, {shape[1]}, -1, 1)};
    };
    return {{"sequences", inputs({2, 3, 4}), with()},
            {"two positions' axes", inputs({2, 2, 2, 3}), with()},
            {"without parameters", {uniform(g, {2, 3, 4}, -2, 2)}, catalogue::of([](const Tensor& x) {
               return instance_norm(x);
             })},
            {"large eps", inputs({2, 3, 4}), with(0.37)},
            {"two positions, large eps", inputs({2, 3, 2}), with(0.37)},
            {"no samples", inputs({0, 3, 4}), with()}};
  }
  static catalogue::ErrorSamples errors() {
    return {
        {"rank",
         [] {
           (void)instance_norm(zeros({4, 3}));
         },
         "[instance_norm] expected x [N, C, L] or more dimensions, got [4, 3]"},
        {"one position",
         [] {
           (void)instance_norm(zeros({2, 3, 1}));
         },
         "[instance_norm] one position per channel: its variance is 0 and the output would be beta whatever x is (x "
         "[2, 3, 1])"},
        {"gamma",
         [] {
           (void)instance_norm(zeros({2, 4, 3}), ones({3}));
         },
         "[instance_norm] expected gamma [4] for x [2, 4, 3], got [3]"},
        {"beta",
         [] {
           (void)instance_norm(zeros({2, 4, 3}), {}, ones({3}));
         },
         "[instance_norm] expected beta [4] for x [2, 4, 3], got [3]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    using catalogue::uniform;
    return {"[16, 64, 96]",
            {uniform(g, {16, 64, 96}, -2, 2), uniform(g, {64}, 0.5, 1.5), uniform(g, {64}, -1, 1)},
            catalogue::of<3>([](const Tensor& x, const Tensor& s, const Tensor& b) { return instance_norm(x, s, b); })};
  }
};

Tensor instance_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double eps) {
  constexpr std::string_view op = InstanceNorm::name;
  expect_channels_first(op, x, gamma, beta, eps);
  if (x.dim() < 3)
    throw ShapeError(fmt::format("[{}] expected x [N, C, L] or more dimensions, got {}", op, to_string(x.shape())));
  std::int64_t positions = 1;
  for (int d = 2; d < x.dim(); ++d) positions *= x.size(d);
  if (positions == 1)
    throw ShapeError(fmt::format(
        "[{}] one position per channel: its variance is 0 and the output would be beta whatever x is (x {})", op,
        to_string(x.shape())));
  return apply(InstanceNorm(x.size(1), eps, gamma.defined()), x, gamma, beta);
}

TAPEGRAD_CATALOGUE(norm, instance_norm, InstanceNorm)

}  // namespace tapegrad
