#include <fmt/format.h>

#include <limits>

#include "ops/groups.hpp"
#include "ops/norm/grouped_norm_op.hpp"
#include "tapegrad/base/error.hpp"

namespace tapegrad {

struct GroupNorm : GroupedNormOp<GroupNorm> {
  static constexpr std::string_view name = "group_norm";
  static constexpr std::string_view math =
      R"(y_c = \gamma_c \hat x + \beta_c,\ \hat x = r (x - \mu),\ r = (\sigma^2 + \epsilon)^{-1/2} \text{ per group};\quad \bar x = r \left(g - \langle g \rangle - \hat x \langle g \hat x \rangle\right),\ g = \gamma_c \bar y,\ \bar\gamma_c = \sum_{nl} \bar y_{ncl} \hat x_{ncl},\ \bar\beta_c = \sum_{nl} \bar y_{ncl})";
  using GroupedNormOp::GroupedNormOp;

  static catalogue::Derivation derivation() {
    return {
        {"Definition",
         R"(\mu = \langle x \rangle,\quad \sigma^2 = \langle (x - \mu)^2 \rangle,\quad r = (\sigma^2 + \epsilon)^{-1/2},\quad \hat x = r (x - \mu),\quad y_{ncl} = \gamma_c \hat x_{ncl} + \beta_c)",
         "Wu and He 2018, arXiv:1803.08494: C channels form G groups, and $\\langle a \\rangle$ is the mean of a over "
         "one group of one sample, $C/G$ neighbouring channels and all positions"},
        {"The parameters",
         R"(\bar\gamma_c = \sum_{n,l} \bar y_{ncl}\, \hat x_{ncl},\quad \bar\beta_c = \sum_{n,l} \bar y_{ncl})",
         "y is linear in both; each serves one channel of all samples, while the statistics serve all channels of a "
         "group: the two sets of sums differ"},
        {"Into the normalised group", R"(g_{ncl} = \gamma_c\, \bar y_{ncl})",
         "the scale varies within a group, so it must be applied before the means below are taken"},
        {"x enters three times", R"(d\hat x = r\,(dx - d\mu) + (x - \mu)\, dr)",
         "product rule: by itself, through the mean and through the deviation of its group"},
        {"Mean and deviation",
         R"(d\mu = \langle dx \rangle,\quad d\sigma^2 = \tfrac{2}{r} \langle \hat x\, dx \rangle,\quad dr = -\tfrac12 r^3\, d\sigma^2 = -r^2 \langle \hat x\, dx \rangle)",
         "the mean's own part in the variance drops out: deviations from it sum to zero"},
        {"The differential",
         R"(d\hat x = r \left( dx - \langle dx \rangle - \hat x \langle \hat x\, dx \rangle \right))",
         "layer norm's, with the group for its row: what dx does to the mean and (up to $\\epsilon$) to the length is "
         "taken out"},
        {"Cotangent", R"(\bar x = r \left( g - \langle g \rangle - \hat x \langle g\, \hat x \rangle \right))",
         "swapping two values changes nothing in that map: its transpose is itself"},
        {"Its ends", R"(G = 1:\ \text{layer norm of a sample};\quad G = C:\ \text{instance norm})",
         "one group ties all channels together, C groups tie none; γ and β stay those of a channel"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto with = [](std::int64_t groups, double eps = 1e-5) {
      return catalogue::of<3>([=](const Tensor& x, const Tensor& gamma, const Tensor& beta) {
        return group_norm(x, groups, gamma, beta, eps);
      });
    };
    const auto inputs = [&g](const Shape& shape) {
      return catalogue::Arguments{uniform(g, shape, -2, 2), uniform(g, {shape[1]}, 0.5, 1.5),
                                  uniform(g, {shape[1]}, -1, 1)};
    };
    return {{"two groups", inputs({2, 4, 3}), with(2)},
            {"one group", inputs({2, 3, 2}), with(1)},
            {"a group for each channel", inputs({2, 2, 4}), with(2)},
            {"no positions' axis", inputs({3, 4}), with(2)},
            {"two positions' axes", inputs({1, 4, 2, 2}), with(2)},
            {"without parameters", {uniform(g, {2, 4, 3}, -2, 2)}, catalogue::of([](const Tensor& x) {
               return group_norm(x, 2);
             })},
            {"gamma alone",
             {uniform(g, {2, 4, 3}, -2, 2), uniform(g, {4}, 0.5, 1.5)},
             catalogue::of<2>([](const Tensor& x, const Tensor& gamma) { return group_norm(x, 2, gamma); })},
            {"beta alone",
             {uniform(g, {2, 4, 3}, -2, 2), uniform(g, {4}, -1, 1)},
             catalogue::of<2>([](const Tensor& x, const Tensor& beta) { return group_norm(x, 2, {}, beta); })},
            {"large eps", inputs({2, 4, 3}), with(2, 0.37)},
            {"a group of one value", inputs({2, 3, 1}), with(3)},
            {"no samples", inputs({0, 4, 3}), with(2)},
            {"no positions", inputs({2, 4, 0}), with(2)}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"rank", [] { (void)group_norm(zeros({4}), 2); }, "[group_norm] expected x [N, C, ..], got [4]"},
            {"groups",
             [] {
               (void)group_norm(zeros({2, 5, 3}), 2);
             },
             "[group_norm] the 5 channels of x [2, 5, 3] do not fall into 2 groups"},
            {"groups of no channels",
             [] {
               (void)group_norm(zeros({2, 0, 4}), std::numeric_limits<std::int64_t>::max());
             },
             "[group_norm] the 0 channels of x [2, 0, 4] do not fall into 9223372036854775807 groups"},
            {"no groups",
             [] {
               (void)group_norm(zeros({2, 5, 3}), 0);
             },
             "[group_norm] expected at least one group, got 0"},
            {"gamma",
             [] {
               (void)group_norm(zeros({2, 4, 3}), 2, ones({3}));
             },
             "[group_norm] expected gamma [4] for x [2, 4, 3], got [3]"},
            {"eps",
             [] {
               (void)group_norm(zeros({2, 4, 3}), 2, {}, {}, -1.0);
             },
             "[group_norm] expected eps of at least 0, got -1"},
            {"integers",
             [] {
               (void)group_norm(zeros({2, 4}, {.dtype = int64}), 2);
             },
             "[group_norm] expected a floating tensor, got int64 [2, 4]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    using catalogue::uniform;
    return {"[16, 64, 96] in 8 groups",
            {uniform(g, {16, 64, 96}, -2, 2), uniform(g, {64}, 0.5, 1.5), uniform(g, {64}, -1, 1)},
            catalogue::of<3>([](const Tensor& x, const Tensor& s, const Tensor& b) { return group_norm(x, 8, s, b); })};
  }
};

Tensor group_norm(const Tensor& x, std::int64_t groups, const Tensor& gamma, const Tensor& beta, double eps) {
  constexpr std::string_view op = GroupNorm::name;
  expect_channels_first(op, x, gamma, beta, eps);
  if (groups < 1) throw ValueError(fmt::format("[{}] expected at least one group, got {}", op, groups));
  expect_groups(op, x.size(1), "x", x.shape(), groups);
  return apply(GroupNorm(groups, eps, gamma.defined()), x, gamma, beta);
}

TAPEGRAD_CATALOGUE(norm, group_norm, GroupNorm)

}  // namespace tapegrad
