#include "base/dispatch.hpp"
#include "kernels/batch_norm.hpp"
#include "ops/norm/features.hpp"
#include "ops/rows.hpp"
#include "ops/sum_of.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/norm.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

/// Inputs: x, mean, variance, gamma, beta.
struct BatchNormEval : Op<BatchNormEval> {
  static constexpr std::string_view name = "batch_norm_eval";
  static constexpr std::string_view math =
      R"(y = \gamma \hat x + \beta,\ \hat x = r (x - \mu),\ r = (v + \epsilon)^{-1/2};\quad \bar x = \gamma r \bar y,\ \bar\gamma = \sum \bar y \hat x,\ \bar\beta = \sum \bar y,\ \bar\mu = -\gamma r \bar\beta,\ \bar v = -\tfrac12 \gamma r^2 \bar\gamma)";
  static constexpr Names<5> input_names = {"x", "mean", "variance", "gamma", "beta"};
  static constexpr Keep keep = Keep::input(0) | Keep::input(1) | Keep::input(2) | Keep::input(3);
  double eps;
  bool scaled;  // by a gamma

  BatchNormEval(double epsilon, bool with_gamma) : eps(epsilon), scaled(with_gamma) {}

  Tensor forward(const Tensor& x, const Tensor& mean, const Tensor& variance, const Tensor& gamma,
                 const Tensor& beta) const {
    const array::Array in = contiguous_array(x);
    const OptionalElements m(mean);
    const OptionalElements v(variance);
    const OptionalElements scale(gamma);
    const OptionalElements shift(beta);
    Tensor y = empty(in.shape, {.dtype = in.dtype});
    with_floating(in.dtype, [&](auto zero) {
      using T = decltype(zero);
      kernels::batch_norm_eval_forward(facts<T>(in, scale.as<T>(), shift.as<T>()), m.as<T>(), v.as<T>(), eps,
                                       written<T>(y));
    });
    return y;
  }

  std::array<Tensor, 5> vjp(const Saved& s, const Tensor& dy) const {
    const Tensor r = rstd(s);
    const Tensor xhat = (s.input(0) - s.input(1)) * r;
    const Tensor g = scaled ? dy * s.input(3) : dy;
    return {s.wants(0) ? g * r : Tensor(), s.wants(1) ? -(g * r) : Tensor(),
            s.wants(2) ? -0.5 * (g * xhat * square(r)) : Tensor(), s.wants(3) ? dy * xhat : Tensor(),
            s.wants(4) ? dy : Tensor()};
  }
  void fused_vjp(const Saved& s, const Tensor& dy, GradientSink& sink) const {
    const array::Array x = contiguous_array(s.input(0));
    const array::Array g = contiguous_array(dy);
    const OptionalElements m(s.input(1));
    const OptionalElements v(s.input(2));
    const OptionalElements scale(scaled ? s.input(3) : Tensor());
    const TensorOptions like{.dtype = x.dtype};
    const Shape channels{x.shape.back()};
    const Tensor dx = s.wants(0) ? empty(x.shape, like) : Tensor();
    const Tensor dgamma = s.wants(2) || s.wants(3) ? empty(channels, like) : Tensor();
    const Tensor dbeta = s.wants(1) || s.wants(4) ? empty(channels, like) : Tensor();
    with_floating(x.dtype, [&](auto zero) {
      using T = decltype(zero);
      kernels::batch_norm_eval_backward(facts<T>(x, scale.as<T>(), nullptr), m.as<T>(), v.as<T>(), eps, g.as<T>(),
                                        {written<T>(dx), written<T>(dgamma), written<T>(dbeta)});
    });
    sink.add(0, dx);
    if (s.wants(3)) sink.add(3, dgamma);
    if (s.wants(4)) sink.add(4, dbeta);
    if (!s.wants(1) && !s.wants(2)) return;
    const Tensor slope = scaled ? s.input(3) * rstd(s) : rstd(s);
    if (s.wants(1)) sink.add(1, -(slope * dbeta));
    if (s.wants(2)) sink.add(2, -0.5 * (slope * rstd(s) * dgamma));
  }
  Tensor jvp(const Saved& s, Tangents dx) const {
    const Tensor r = rstd(s);
    const Tensor xhat = (s.input(0) - s.input(1)) * r;
    Tensor dxhat;
    Tensor dy;
    if (dx[0].defined()) add_to(dxhat, dx[0] * r);
    if (dx[1].defined()) add_to(dxhat, -(dx[1] * r));
    if (dx[2].defined()) add_to(dxhat, -0.5 * (dx[2] * square(r) * xhat));
    if (dxhat.defined()) add_to(dy, scaled ? s.input(3) * dxhat : dxhat);
    if (dx[3].defined()) add_to(dy, dx[3] * xhat);
    if (dx[4].defined()) add_to(dy, dx[4]);
    return dy;
  }
  void describe(AttributeVisitor& visitor) const { visitor("eps", eps); }

  static catalogue::Derivation derivation() {
    return {
        {"Definition", R"(y = \gamma \hat x + \beta,\quad \hat x = r (x - \mu),\quad r = (v + \epsilon)^{-1/2})",
         "the mean $\\mu$ and the variance v are given, from training: each sample stands alone"},
        {"Input", R"(\bar x = \gamma\, r\, \bar y)",
         "y is affine in x, since the statistics do not depend on it; batch_norm has two terms more"},
        {"Parameters", R"(\bar\gamma = \sum \bar y\, \hat x,\quad \bar\beta = \sum \bar y)", "y is linear in both"},
        {"Mean", R"(\bar\mu = -\sum \gamma\, r\, \bar y = -\gamma\, r\, \bar\beta)", "x enters as $x - \\mu$"},
        {"Variance",
         R"(\bar v = \sum \gamma\, \bar y\, (x - \mu) \cdot \left(-\tfrac12 r^3\right) = -\tfrac12 \gamma\, r^2\, \bar\gamma)",
         "chain rule through the inverse root; $x - \\mu = \\hat x / r$"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto affine =
        catalogue::of<5>([](const Tensor& x, const Tensor& mean, const Tensor& variance, const Tensor& gamma,
                            const Tensor& beta) { return batch_norm_eval(x, mean, variance, gamma, beta); });
    const auto inputs = [&g](const Shape& shape) {
      const Shape channels{shape.back()};
      return catalogue::Arguments{uniform(g, shape, -2, 2), uniform(g, channels, -1, 1), uniform(g, channels, 0.5, 2),
                                  uniform(g, channels, 0.5, 1.5), uniform(g, channels, -1, 1)};
    };
    const catalogue::Arguments bare = inputs({4, 3});
    return {{"rows", inputs({4, 3}), affine},
            {"sequences", inputs({2, 3, 3}), affine},
            {"one row", inputs({1, 3}), affine},
            {"without parameters",
             {bare[0], bare[1], bare[2]},
             catalogue::of<3>([](const Tensor& x, const Tensor& mean, const Tensor& variance) {
               return batch_norm_eval(x, mean, variance);
             })},
            {"no rows", inputs({0, 3}), affine}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"no variance",
             [] {
               (void)batch_norm_eval(zeros({2, 3}), zeros({3}), Tensor());
             },
             "[batch_norm_eval] expected a mean and a variance"},
            {"mean",
             [] {
               (void)batch_norm_eval(zeros({2, 3}), zeros({2}), ones({3}));
             },
             "[batch_norm_eval] expected mean [3] for x [2, 3], got [2]"},
            {"variance",
             [] {
               (void)batch_norm_eval(zeros({2, 3}), zeros({3}), ones({3, 1}));
             },
             "[batch_norm_eval] expected variance [3] for x [2, 3], got [3, 1]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    using catalogue::uniform;
    return {
        "[64, 12, 64]",
        {uniform(g, {64, 12, 64}, -2, 2), uniform(g, {64}, -1, 1), uniform(g, {64}, 0.5, 2)},
        catalogue::of<3>([](const Tensor& x, const Tensor& m, const Tensor& v) { return batch_norm_eval(x, m, v); })};
  }

 private:
  template <class T>
  static kernels::BatchNorm<T> facts(const array::Array& x, const T* gamma, const T* beta) {
    return {.x = x.as<T>(),
            .rows = row_count(x.shape),
            .channels = x.shape.back(),
            .valid = nullptr,
            .zero_padding = false,
            .gamma = gamma,
            .beta = beta};
  }
  Tensor rstd(const Saved& s) const { return 1.0 / sqrt(s.input(2) + eps); }
};

Tensor batch_norm_eval(const Tensor& x, const Tensor& mean, const Tensor& variance, const Tensor& gamma,
                       const Tensor& beta, double eps) {
  constexpr std::string_view op = BatchNormEval::name;
  expect_normalised(op, x, "channels", eps);
  if (!mean.defined() || !variance.defined()) throw ValueError("[batch_norm_eval] expected a mean and a variance");
  expect_per_feature(op, "mean", mean, x);
  expect_per_feature(op, "variance", variance, x);
  expect_per_feature(op, "gamma", gamma, x);
  expect_per_feature(op, "beta", beta, x);
  return apply(BatchNormEval(eps, gamma.defined()), x, mean, variance, gamma, beta);
}

TAPEGRAD_CATALOGUE(norm, batch_norm_eval, BatchNormEval)

}  // namespace tapegrad
