#include "base/dispatch.hpp"
#include "kernels/row_norm.hpp"
#include "ops/norm/features.hpp"
#include "ops/norm/normalised.hpp"
#include "ops/rows.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/norm.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

struct RmsNorm : Op<RmsNorm> {
  static constexpr std::string_view name = "rms_norm";
  static constexpr std::string_view math =
      R"(y = \gamma \hat x,\ \hat x = r x,\ r = (\langle x^2 \rangle + \epsilon)^{-1/2};\quad \bar x = r \left(g - \hat x \langle g \hat x \rangle\right),\ g = \gamma \bar y,\ \bar\gamma = \sum \bar y \hat x)";
  static constexpr Names<2> input_names = {"x", "gamma"};
  static constexpr Names<1> residual_names = {"r"};
  static constexpr bool recomputable = true;
  double eps;
  bool scaled;  // by a gamma

  RmsNorm(double epsilon, bool with_gamma) : eps(epsilon), scaled(with_gamma) {}

  Keep keep_for(Wants wants) const { return Keep::input(0) | (wants(0) && scaled ? Keep::input(1) : Keep::nothing); }

  Tensor forward(Keeper& keeper, const Tensor& x, const Tensor& gamma) const {
    const array::Array in = contiguous_array(x);
    const OptionalElements scale(gamma);
    const std::int64_t rows = row_count(in.shape);
    Tensor y = empty(in.shape, {.dtype = in.dtype});
    const Tensor rstd = empty({rows}, {.dtype = in.dtype});
    with_floating(in.dtype, [&](auto zero) {
      using T = decltype(zero);
      const kernels::RowNorm<T> facts{in.as<T>(), rows, in.shape.back(), scale.as<T>()};
      kernels::rms_norm_forward(facts, eps, written<T>(y), written<T>(rstd));
    });
    keeper.save(rstd);
    return y;
  }

  std::array<Tensor, 2> vjp(const Saved& s, const Tensor& dy) const {
    const Normalised n(s.input(0), eps);
    return {s.wants(0) ? n.times_jacobian(scaled ? dy * s.input(1) : dy) : Tensor(),
            s.wants(1) ? dy * n.xhat : Tensor()};
  }
  void fused_vjp(const Saved& s, const Tensor& dy, GradientSink& sink) const {
    const array::Array x = contiguous_array(s.input(0));
    const array::Array g = contiguous_array(dy);
    const OptionalElements scale(scaled && s.wants(0) ? s.input(1) : Tensor());
    const Tensor dx = s.wants(0) ? empty(x.shape, {.dtype = x.dtype}) : Tensor();
    const Tensor dgamma = s.wants(1) ? empty({x.shape.back()}, {.dtype = x.dtype}) : Tensor();
    with_floating(x.dtype, [&](auto zero) {
      using T = decltype(zero);
      const kernels::RowNorm<T> facts{x.as<T>(), row_count(x.shape), x.shape.back(), scale.as<T>()};
      kernels::rms_norm_backward(facts, array_of(s.residual(0)).as<T>(), g.as<T>(),
                                 {written<T>(dx), written<T>(dgamma)});
    });
    sink.add(0, dx);
    sink.add(1, dgamma);
  }
  Tensor jvp(const Saved& s, Tangents dx) const {
    const Normalised n(s.input(0), eps);
    const auto through_x = [&] { return scaled ? s.input(1) * n.times_jacobian(dx[0]) : n.times_jacobian(dx[0]); };
    if (!dx[1].defined()) return through_x();
    if (!dx[0].defined()) return dx[1] * n.xhat;
    return through_x() + dx[1] * n.xhat;
  }
  void describe(AttributeVisitor& visitor) const { visitor("eps", eps); }

  static catalogue::Derivation derivation() {
    return {
        {"Definition", R"(r = (\langle x^2 \rangle + \epsilon)^{-1/2},\quad \hat x = r x,\quad y = \gamma \hat x)",
         "Zhang and Sennrich 2019, arXiv:1910.07467, layer norm without the mean: $\\langle a \\rangle$ is the mean of "
         "a over the features of one row"},
        {"The scale", R"(\bar\gamma = \sum_{\text{rows}} \bar y\, \hat x)", "y is linear in $\\gamma$"},
        {"The length", R"(dr = -\tfrac12 r^3 \cdot 2 \langle x\, dx \rangle = -r^2 \langle \hat x\, dx \rangle)",
         "chain rule through the inverse root; $x r = \\hat x$"},
        {"The differential", R"(d\hat x = r\, dx + x\, dr = r \left( dx - \hat x \langle \hat x\, dx \rangle \right))",
         "product rule: the part of dx along the row is taken out (up to $\\epsilon$)"},
        {"Cotangent", R"(\bar x = r \left( g - \hat x \langle g\, \hat x \rangle \right),\quad g = \gamma\, \bar y)",
         "the Jacobian $r (\\delta_{ij} - \\hat x_i \\hat x_j / n)$ is symmetric: forward and reverse rule are one"},
        {"A check by hand", R"(\epsilon = 0 \Rightarrow \sum_i x_i \bar x_i = 0)",
         "scaling a row changes nothing, so the gradient is orthogonal to it"},
        {"A row of zeros", R"(x = 0 \Rightarrow \hat x = 0,\quad \bar x = \epsilon^{-1/2} g)",
         "r is as large as it can be; with $\\epsilon = 0$ value and gradient are NaN"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto scaled_norm = catalogue::of<2>([](const Tensor& x, const Tensor& s) { return rms_norm(x, s); });
    const Tensor gamma = uniform(g, {5}, 0.5, 1.5);
    return {{"rows", {uniform(g, {3, 5}, -2, 2), gamma}, scaled_norm},
            {"sequences", {uniform(g, {2, 3, 5}, -2, 2), gamma}, scaled_norm},
            {"without gamma", {uniform(g, {3, 5}, -2, 2)}, catalogue::of([](const Tensor& x) { return rms_norm(x); })},
            {"large eps", {uniform(g, {3, 5}, -2, 2), gamma}, catalogue::of<2>([](const Tensor& x, const Tensor& s) {
               return rms_norm(x, s, 0.37);
             })},
            {"one feature, large eps", {uniform(g, {3, 1}, -2, 2)}, catalogue::of([](const Tensor& x) {
               return rms_norm(x, {}, 0.5);
             })},
            {"no rows", {uniform(g, {0, 5}, -2, 2), gamma}, scaled_norm}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"scalar", [] { (void)rms_norm(zeros({})); }, "[rms_norm] expected x [.., features], got []"},
            {"gamma",
             [] {
               (void)rms_norm(zeros({2, 3}), ones({2}));
             },
             "[rms_norm] expected gamma [3] for x [2, 3], got [2]"},
            {"eps",
             [] {
               (void)rms_norm(zeros({2, 3}), {}, -1.0);
             },
             "[rms_norm] expected eps of at least 0, got -1"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    using catalogue::uniform;
    return {"[448, 64]",
            {uniform(g, {448, 64}, -2, 2), uniform(g, {64}, 0.5, 1.5)},
            catalogue::of<2>([](const Tensor& x, const Tensor& s) { return rms_norm(x, s); })};
  }

 private:
  /// The normalised rows, out of differentiable operations.
  struct Normalised {
    Tensor xhat, rstd;

    Normalised(const Tensor& x, double eps) : xhat(x), rstd(inverse_root_mean_square(x, eps)) { xhat = x * rstd; }
    /// r (a - xhat <a xhat>): the reverse and the forward rule.
    Tensor times_jacobian(const Tensor& a) const { return rstd * (a - xhat * mean(a * xhat, -1, true)); }
  };
};

Tensor rms_norm(const Tensor& x, const Tensor& gamma, double eps) {
  expect_normalised(RmsNorm::name, x, "features", eps);
  expect_per_feature(RmsNorm::name, "gamma", gamma, x);
  return apply(RmsNorm(eps, gamma.defined()), x, gamma);
}

TAPEGRAD_CATALOGUE(norm, rms_norm, RmsNorm)

}  // namespace tapegrad
