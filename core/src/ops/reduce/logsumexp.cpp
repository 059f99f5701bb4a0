#include <limits>

#include "kernels/reduce.hpp"
#include "ops/reduce/reduce_op.hpp"
#include "tape/expect.hpp"

namespace tapegrad {

struct LogSumExp : ReduceOp<LogSumExp> {
  static constexpr std::string_view name = "logsumexp";
  static constexpr std::string_view math =
      R"(y_j = \log \sum_{i \mapsto j} e^{x_i};\quad \bar x_i = \bar y_{j(i)}\, e^{x_i - y_{j(i)}})";
  static constexpr Keep keep = Keep::inputs | Keep::output;
  using ReduceOp::ReduceOp;

  Tensor forward(const Tensor& x) const {
    return reduce(x, [](const auto* in, const kernels::Slices& slices, auto* out) {
      kernels::reduce_logsumexp(in, slices, out);
    });
  }
  Tensor vjp(const Saved& s, const Tensor& dy) const { return unreduce(dy, s.input_shape(0)) * weights(s); }
  Tensor jvp(const Saved& s, const Tensor& dx) const { return sum(weights(s) * dx, axis_list(), keepdim); }

  static catalogue::Derivation derivation() {
    return {
        {"Definition", R"(y = \log \sum_i e^{x_i} = m + \log \sum_i e^{x_i - m},\quad m = \max_i x_i)",
         "shifted: no term overflows, the largest is 1"},
        {"Slope",
         R"(\frac{\partial y}{\partial x_i} = \frac{e^{x_i}}{\sum_k e^{x_k}} = \frac{e^{x_i - y}}{\sum_k e^{x_k - y}})",
         "the softmax of x; $e^{x - y}$ sums to 1 but for the rounding of y, which is large where y is"},
        {"All -inf", R"(\bar x = 0)",
         "$y = -\\infty$: the weights are taken as 0, not as NaN from -inf + inf (PyTorch's are NaN)"},
        {"+inf", R"(x_i = \infty \Rightarrow \bar x_i = \mathrm{NaN})",
         "$y = \\infty$, and the weight is that of inf - inf; elements below inf have weight 0"}};
  }
  static catalogue::Samples samples(Generator& g) {
    catalogue::Samples s = reduction_samples(
        g, [](const Tensor& x, const Axes& axes, bool keepdim) { return logsumexp(x, axes, keepdim); });
    const auto over_last = catalogue::of([](const Tensor& x) { return logsumexp(x, -1); });
    s.push_back({"large values", {catalogue::vector64({1000.0, 1000.5, 999.0})}, over_last});
    s.push_back({"all -inf",
                 {catalogue::full64({1, 3}, -std::numeric_limits<double>::infinity())},
                 over_last,
                 {.order = 0, .reason = "differences of infinities"}});
    return s;
  }
  static catalogue::ErrorSamples errors() {
    return {{"axis",
             [] {
               (void)logsumexp(zeros({2, 3}), 2);
             },
             "[logsumexp] axis 2 is out of range for rank 2"},
            {"integers", [] { (void)logsumexp(arange(3)); }, "[logsumexp] expected a floating tensor"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[512, 512] over axis 1", {catalogue::uniform(g, {512, 512}, -2, 2)}, catalogue::of([](const Tensor& x) {
              return logsumexp(x, 1);
            })};
  }

 private:
  /// y is no more than the shift, a constant that cancels; where it is infinite there is nothing to divide by.
  Tensor weights(const Saved& s) const {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    const Tensor& x = s.input(0);
    const Tensor y = unreduce(s.output().detach(), x.shape());
    const Tensor e = exp(x - where(y == -kInfinity, 0.0, y));
    return e / where(abs(y) == kInfinity, 1.0, sum(e, axis_list(), true));
  }
};

Tensor logsumexp(const Tensor& x, const Axes& axes, bool keepdim) { return LogSumExp::over(x, axes, keepdim); }

TAPEGRAD_CATALOGUE(reduce, logsumexp, LogSumExp)

}  // namespace tapegrad
