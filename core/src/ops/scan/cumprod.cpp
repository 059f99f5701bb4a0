#include "ops/axis_errors.hpp"
#include "ops/scan/recurrence.hpp"
#include "ops/scan/scan_op.hpp"
#include "tape/expect.hpp"

namespace tapegrad {

struct CumProd : Op<CumProd> {
  static constexpr std::string_view name = "cumprod";
  static constexpr std::string_view math =
      R"(y_i = \prod_{j \le i} x_j;\quad \bar x_k = y_{k-1} s_k,\ s_k = \bar y_k + x_{k+1} s_{k+1},\ y_{-1} = 1,\ s_n = 0)";
  static constexpr Keep keep = Keep::inputs;
  int axis;

  explicit CumProd(int d) : axis(d) {}

  Tensor forward(const Tensor& x) const {
    expect_floating(name, x);
    const array::Array in = contiguous_array(x);
    Tensor y = empty(x.shape(), {.dtype = x.dtype()});
    with_floating(x.dtype(), [&](auto zero) {
      using T = decltype(zero);
      kernels::cumulative_product(in.as<T>(), kernels::slices_along(in.shape, axis), array_of(y).as<T>());
    });
    return y;
  }
  Tensor vjp(const Saved& s, const Tensor& dy) const {
    const Tensor x = s.input(0).to(float64);
    const Tensor next = shifted(x, axis, kernels::Direction::backward, 0.0);
    return (before(x) * recurrence(next, dy.to(float64), axis, kernels::Direction::backward)).to(dy.dtype());
  }
  void fused_vjp(const Saved& s, const Tensor& dy, GradientSink& sink) const {
    const array::Array x = contiguous_array(s.input(0));
    const array::Array g = contiguous_array(dy);
    const Tensor dx = empty(x.shape, {.dtype = x.dtype});
    with_floating(x.dtype, [&](auto zero) {
      using T = decltype(zero);
      kernels::cumulative_product_backward(x.as<T>(), g.as<T>(), kernels::slices_along(x.shape, axis),
                                           array_of(dx).as<T>());
    });
    sink.add(0, dx);
  }
  /// dy[i] = x[i] dy[i - 1] + y[i - 1] dx[i]: the product rule, step by step.
  Tensor jvp(const Saved& s, const Tensor& dx) const {
    const Tensor x = s.input(0).to(float64);
    return recurrence(x, before(x) * dx.to(float64), axis, kernels::Direction::forward).to(dx.dtype());
  }
  void describe(AttributeVisitor& visitor) const { visitor("axis", axis); }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y_i = x_i y_{i-1},\quad y_{-1} = 1)", "along one axis"},
            {"Product rule", R"(\frac{\partial y_i}{\partial x_k} = \prod_{j \le i,\, j \ne k} x_j)",
             "for $k \\le i$; written as $y_i / x_k$ it would fail at $x_k = 0$"},
            {"Cut at k", R"(\bar x_k = \Big(\prod_{j<k} x_j\Big) \sum_{i \ge k} \bar y_i \prod_{k < j \le i} x_j)",
             "what stands before k is common to all terms"},
            {"Horner", R"(s_k = \bar y_k + x_{k+1} s_{k+1},\quad s_n = 0,\quad \bar x_k = y_{k-1} s_k)",
             "the sum from the other end: two passes, no division, and zeros need no case of their own"},
            {"Second order", R"(s = \text{the recurrence of } (x_{\cdot + 1}, \bar y) \text{ from the other end})",
             "see linear_recurrence: the rule is made of the result, a recurrence and a product, each differentiable "
             "to any order"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::vector64;
    catalogue::Samples s = scan_samples(g, cumprod);
    const auto along_0 = catalogue::of([](const Tensor& x) { return cumprod(x, 0); });
    s.push_back({"a zero", {vector64({1.5, 0.0, -2.0, 0.5})}, along_0});
    s.push_back({"two zeros", {vector64({1.5, 0.0, -2.0, 0.0, 0.5})}, along_0});
    s.push_back({"zeros at the ends", {vector64({0.0, 1.5, -2.0, 0.0})}, along_0});
    return s;
  }
  static catalogue::ErrorSamples errors() {
    catalogue::ErrorSamples errors = axis_errors(name, cumprod);
    errors.push_back(
        {"integers", [] { (void)cumprod(arange(3), 0); }, "[cumprod] expected a floating tensor, got int64 [3]"});
    return errors;
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[512, 512] along 1", {catalogue::uniform(g, {512, 512}, 0.9, 1.1)}, catalogue::of([](const Tensor& x) {
              return cumprod(x, 1);
            })};
  }

 private:
  /// y[i - 1] in the place of y[i], in x's precision: double in the rules, for a running product may overflow where
  /// those that it is a factor of do not.
  Tensor before(const Tensor& x) const {
    return shifted(apply(CumProd(axis), x), axis, kernels::Direction::forward, 1.0);
  }
};

Tensor cumprod(const Tensor& x, Axis axis) { return apply(CumProd(axis_of(CumProd::name, axis, x)), x); }

TAPEGRAD_CATALOGUE(scan, cumprod, CumProd)

}  // namespace tapegrad
