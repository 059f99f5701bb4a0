#include "base/dispatch.hpp"
#include "kernels/row_norm.hpp"
#include "ops/norm/features.hpp"
#include "ops/norm/normalised.hpp"
#include "ops/rows.hpp"
#include "ops/sum_of.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/norm.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

struct LayerNorm : Op<LayerNorm> {
  static constexpr std::string_view name = "layer_norm";
  static constexpr std::string_view math =
      R"(y = \gamma \hat x + \beta,\ \hat x = r (x - \mu),\ r = (\sigma^2 + \epsilon)^{-1/2};\quad \bar x = r \left(g - \langle g \rangle - \hat x \langle g \hat x \rangle\right),\ g = \gamma \bar y,\ \bar\gamma = \sum \bar y \hat x,\ \bar\beta = \sum \bar y)";
  static constexpr Names<3> input_names = {"x", "gamma", "beta"};
  static constexpr Names<2> residual_names = {"mean", "r"};
  static constexpr bool recomputable = true;
  double eps;
  bool scaled;  // by a gamma

  LayerNorm(double epsilon, bool with_gamma) : eps(epsilon), scaled(with_gamma) {}

  Keep keep_for(Wants wants) const {
    return (wants(0) || wants(1) ? Keep::input(0) : Keep::nothing) |
           (wants(0) && scaled ? Keep::input(1) : Keep::nothing);
  }

  Tensor forward(Keeper& keeper, const Tensor& x, const Tensor& gamma, const Tensor& beta) const {
    const array::Array in = contiguous_array(x);
    const OptionalElements scale(gamma);
    const OptionalElements shift(beta);
    const std::int64_t rows = row_count(in.shape);
    Tensor y = empty(in.shape, {.dtype = in.dtype});
    const Tensor mean = empty({rows}, {.dtype = in.dtype});
    const Tensor rstd = empty({rows}, {.dtype = in.dtype});
    with_floating(in.dtype, [&](auto zero) {
      using T = decltype(zero);
      const kernels::RowNorm<T> facts{in.as<T>(), rows, in.shape.back(), scale.as<T>(), shift.as<T>()};
      kernels::layer_norm_forward(facts, eps, written<T>(y), written<T>(mean), written<T>(rstd));
    });
    keeper.save(mean);
    keeper.save(rstd);
    return y;
  }

  std::array<Tensor, 3> vjp(const Saved& s, const Tensor& dy) const {
    std::array<Tensor, 3> d;
    if (s.wants(0) || s.wants(1)) {
      const Normalised n(s.input(0), eps);
      if (s.wants(0)) d[0] = n.times_jacobian(scaled ? dy * s.input(1) : dy);
      if (s.wants(1)) d[1] = dy * n.xhat;
    }
    if (s.wants(2)) d[2] = dy;
    return d;
  }
  void fused_vjp(const Saved& s, const Tensor& dy, GradientSink& sink) const {
    if (!s.wants(0) && !s.wants(1)) {
      sink.add(2, dy);
      return;
    }
    const array::Array x = contiguous_array(s.input(0));
    const array::Array g = contiguous_array(dy);
    const OptionalElements scale(scaled && s.wants(0) ? s.input(1) : Tensor());
    const Shape features{x.shape.back()};
    const Tensor dx = s.wants(0) ? empty(x.shape, {.dtype = x.dtype}) : Tensor();
    const Tensor dgamma = s.wants(1) ? empty(features, {.dtype = x.dtype}) : Tensor();
    const Tensor dbeta = s.wants(2) ? empty(features, {.dtype = x.dtype}) : Tensor();
    with_floating(x.dtype, [&](auto zero) {
      using T = decltype(zero);
      const kernels::RowNorm<T> facts{x.as<T>(), row_count(x.shape), x.shape.back(), scale.as<T>()};
      kernels::layer_norm_backward(facts, array_of(s.residual(0)).as<T>(), array_of(s.residual(1)).as<T>(), g.as<T>(),
                                   {written<T>(dx), written<T>(dgamma), written<T>(dbeta)});
    });
    sink.add(0, dx);
    sink.add(1, dgamma);
    sink.add(2, dbeta);
  }
  Tensor jvp(const Saved& s, Tangents dx) const {
    Tensor dy;
    if (dx[0].defined() || dx[1].defined()) {
      const Normalised n(s.input(0), eps);
      if (dx[0].defined()) add_to(dy, scaled ? s.input(1) * n.times_jacobian(dx[0]) : n.times_jacobian(dx[0]));
      if (dx[1].defined()) add_to(dy, dx[1] * n.xhat);
    }
    if (dx[2].defined()) add_to(dy, dx[2]);
    return dy;
  }
  void describe(AttributeVisitor& visitor) const { visitor("eps", eps); }

  static catalogue::Derivation derivation() {
    return {
        {"Definition",
         R"(\mu = \langle x \rangle,\quad \sigma^2 = \langle (x - \mu)^2 \rangle,\quad r = (\sigma^2 + \epsilon)^{-1/2},\quad \hat x = r (x - \mu),\quad y = \gamma \hat x + \beta)",
         "Ba, Kiros and Hinton 2016, arXiv:1607.06450: $\\langle a \\rangle$ is the mean of a over the n features of "
         "one row; every row stands alone"},
        {"The parameters",
         R"(\bar\gamma = \sum_{\text{rows}} \bar y\, \hat x,\quad \bar\beta = \sum_{\text{rows}} \bar y)",
         "y is linear in both, and both are broadcast over the rows"},
        {"Into the normalised row", R"(g = \frac{\partial L}{\partial \hat x} = \gamma\, \bar y)", "chain rule"},
        {"x enters three times", R"(d\hat x = r\,(dx - d\mu) + (x - \mu)\, dr,\quad d\mu = \langle dx \rangle)",
         "product rule: by itself, through the mean and through the deviation"},
        {"The variance",
         R"(d\sigma^2 = 2 \langle (x - \mu)(dx - d\mu) \rangle = \frac{2}{r} \langle \hat x\, dx \rangle)",
         "the mean's own part drops out, because deviations from the mean sum to zero"},
        {"The deviation",
         R"(dr = -\tfrac12 (\sigma^2 + \epsilon)^{-3/2}\, d\sigma^2 = -r^2 \langle \hat x\, dx \rangle)",
         "$\\tfrac12 r^3$ times $2/r$; this holds with any $\\epsilon$ inside the root"},
        {"The differential",
         R"(d\hat x = r \left( dx - \langle dx \rangle - \hat x \langle \hat x\, dx \rangle \right))",
         "$(x - \\mu) r^2 = r \\hat x$: what dx does to the row's mean and (up to $\\epsilon$) to its length is taken "
         "out"},
        {"The Jacobian is symmetric",
         R"(\frac{\partial \hat x_i}{\partial x_j} = r \left( \delta_{ij} - \frac1n - \frac{\hat x_i \hat x_j}{n} \right))",
         "swapping i and j changes nothing, so the reverse rule is the same formula with g for dx"},
        {"Cotangent", R"(\bar x = r \left( g - \langle g \rangle - \hat x \langle g\, \hat x \rangle \right))",
         "leaving out the last two terms treats mean and deviation as constants, which trains measurably worse (Xu et "
         "al. 2019)"},
        {"A check by hand", R"(\sum_i \bar x_i = 0)",
         "adding a constant to a row changes nothing; with one feature nothing but the constant is left, and the "
         "gradient is 0"},
        {"A constant row", R"(x = \mu \Rightarrow \hat x = 0,\quad \bar x = \epsilon^{-1/2} (g - \langle g \rangle))",
         "$y = \\beta$, and r is as large as it can be; with $\\epsilon = 0$ value and gradient are NaN, unless there "
         "is one feature"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::full64;
    using catalogue::uniform;
    const auto affine = catalogue::of<3>(
        [](const Tensor& x, const Tensor& gamma, const Tensor& beta) { return layer_norm(x, gamma, beta); });
    const auto plain = catalogue::of([](const Tensor& x) { return layer_norm(x); });
    const auto parameters = [&g](std::int64_t n) {
      return std::array<Tensor, 2>{uniform(g, {n}, 0.5, 1.5), uniform(g, {n}, -1, 1)};
    };
    const auto [gamma5, beta5] = parameters(5);
    const auto [gamma1, beta1] = parameters(1);
    return {
        {"rows", {uniform(g, {3, 5}, -2, 2), gamma5, beta5}, affine},
        {"sequences", {uniform(g, {2, 3, 5}, -2, 2), gamma5, beta5}, affine},
        {"one row", {uniform(g, {5}, -2, 2), gamma5, beta5}, affine},
        {"without parameters", {uniform(g, {3, 5}, -2, 2)}, plain},
        {"gamma alone", {uniform(g, {3, 5}, -2, 2), gamma5}, catalogue::of<2>([](const Tensor& x, const Tensor& s) {
           return layer_norm(x, s);
         })},
        {"beta alone", {uniform(g, {3, 5}, -2, 2), beta5}, catalogue::of<2>([](const Tensor& x, const Tensor& b) {
           return layer_norm(x, {}, b);
         })},
        {"large eps",
         {uniform(g, {3, 5}, -2, 2), gamma5, beta5},
         catalogue::of<3>([](const Tensor& x, const Tensor& s, const Tensor& b) { return layer_norm(x, s, b, 0.37); })},
        {"one feature", {uniform(g, {3, 1}, -2, 2), gamma1, beta1}, affine},
        {"constant row, large eps",
         {full64({2, 5}, 0.75), gamma5, beta5},
         catalogue::of<3>([](const Tensor& x, const Tensor& s, const Tensor& b) { return layer_norm(x, s, b, 0.37); })},
        {"mean is 1,000 deviations",
         {1e3 + uniform(g, {2, 5}, -2, 2), gamma5, beta5},
         affine,
         {.order = 0, .reason = "the step that suits the mean is too long for the deviation"}},
        {"no rows", {uniform(g, {0, 5}, -2, 2), gamma5, beta5}, affine}};
  }
  static catalogue::ErrorSamples errors() {
    return {
        {"scalar", [] { (void)layer_norm(zeros({})); }, "[layer_norm] expected x [.., features], got []"},
        {"gamma",
         [] {
           (void)layer_norm(zeros({16, 7, 40}), ones({7}));
         },
         "[layer_norm] expected gamma [40] for x [16, 7, 40], got [7]"},
        {"beta",
         [] {
           (void)layer_norm(zeros({2, 3}), {}, zeros({2, 3}));
         },
         "[layer_norm] expected beta [3] for x [2, 3], got [2, 3]"},
        {"dtypes",
         [] {
           (void)layer_norm(zeros({2, 3}), ones({3}, {.dtype = float64}));
         },
         "[layer_norm] float32 [2, 3] with float64 [3]"},
        {"eps",
         [] {
           (void)layer_norm(zeros({2, 3}), {}, {}, -1.0);
         },
         "[layer_norm] expected eps of at least 0, got -1"},
        {"integers", [] { (void)layer_norm(arange(3)); }, "[layer_norm] expected a floating tensor, got int64 [3]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    using catalogue::uniform;
    return {"[448, 64]",
            {uniform(g, {448, 64}, -2, 2), uniform(g, {64}, 0.5, 1.5), uniform(g, {64}, -1, 1)},
            catalogue::of<3>([](const Tensor& x, const Tensor& s, const Tensor& b) { return layer_norm(x, s, b); })};
  }
};

Tensor layer_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double eps) {
  expect_normalised(LayerNorm::name, x, "features", eps);
  expect_per_feature(LayerNorm::name, "gamma", gamma, x);
  expect_per_feature(LayerNorm::name, "beta", beta, x);
  return apply(LayerNorm(eps, gamma.defined()), x, gamma, beta);
}

TAPEGRAD_CATALOGUE(norm, layer_norm, LayerNorm)

}  // namespace tapegrad
