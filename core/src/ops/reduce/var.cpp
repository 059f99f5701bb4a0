#include "kernels/reduce.hpp"
#include "ops/reduce/reduce_op.hpp"
#include "tape/expect.hpp"

namespace tapegrad {

struct Var : ReduceOp<Var> {
  static constexpr std::string_view name = "var";
  static constexpr std::string_view math =
      R"(y_j = \frac{1}{n - c} \sum_{i \mapsto j} (x_i - \mu_j)^2;\quad \bar x_i = \frac{2}{n - c} \bar y_{j(i)} (x_i - \mu_{j(i)}))";
  double correction;

  Var(AxisSet set, const VarOptions& options) : ReduceOp(set, options.keepdim), correction(options.correction) {}

  Tensor forward(const Tensor& x) const {
    return reduce(x, [&](const auto* in, const kernels::Slices& slices, auto* out) {
      kernels::reduce_variance(in, slices, correction, out);
    });
  }
  Tensor vjp(const Saved& s, const Tensor& dy) const {
    const Tensor& x = s.input(0);
    return scale(x) * unreduce(dy, x.shape()) * centred(x);
  }
  Tensor jvp(const Saved& s, const Tensor& dx) const {
    const Tensor& x = s.input(0);
    return scale(x) * sum(centred(x) * dx, axis_list(), keepdim);
  }
  void describe(AttributeVisitor& visitor) const {
    ReduceOp::describe(visitor);
    visitor("correction", correction);
  }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = \frac{1}{n - c} \sum_i (x_i - \mu)^2,\quad \mu = \frac1n \sum_i x_i)",
             "for each result; c is the correction"},
            {"Differential", R"(dy = \frac{2}{n - c} \sum_i (x_i - \mu)(dx_i - d\mu))", "chain rule"},
            {"The mean drops out", R"(\sum_i (x_i - \mu)\, d\mu = 0)",
             "deviations from the mean sum to zero, so its own dependence on x does not matter"},
            {"Cotangent", R"(\bar x_i = \frac{2}{n - c}\, \bar y\, (x_i - \mu))",
             "what multiplies $dx_i$ in $\\bar y\\, dy$"}};
  }
  static catalogue::Samples samples(Generator& g) {
    catalogue::Samples s = reduction_samples(
        g, [](const Tensor& x, const Axes& axes, bool keepdim) { return var(x, axes, {.keepdim = keepdim}); });
    s.push_back({"biased", {catalogue::uniform(g, {3, 4}, -2, 2)}, catalogue::of([](const Tensor& x) {
                   return var(x, -1, {.correction = 0});
                 })});
    s.push_back(
        {"constant row", {catalogue::full64({2, 3}, 1.5)}, catalogue::of([](const Tensor& x) { return var(x, -1); })});
    s.push_back({"n = correction",
                 {catalogue::uniform(g, {3, 1}, -2, 2)},
                 catalogue::of([](const Tensor& x) { return var(x, 1); }),
                 {.order = 0, .reason = "0 / 0: the value is NaN by definition"}});
    return s;
  }
  static catalogue::ErrorSamples errors() {
    return {{"axis",
             [] {
               (void)var(zeros({2, 3}), 5);
             },
             "[var] axis 5 is out of range for rank 2"},
            {"integers", [] { (void)var(arange(3)); }, "[var] expected a floating tensor"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[512, 512] over axis 1", {catalogue::uniform(g, {512, 512}, -2, 2)}, catalogue::of([](const Tensor& x) {
              return var(x, 1);
            })};
  }

 private:
  /// Over no elements there is nothing to scale: dy must not become infinite on the way.
  double scale(const Tensor& x) const {
    const double n = count(x.shape());
    return n == 0 ? 0.0 : 2.0 / (n - correction);
  }
};

Tensor var(const Tensor& x, const Axes& axes, VarOptions options) {
  return apply(Var(axes_of(Var::name, axes, x), options), x);
}

TAPEGRAD_CATALOGUE(reduce, var, Var)

}  // namespace tapegrad
