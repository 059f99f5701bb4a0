#include <algorithm>

#include "kernels/reduce.hpp"
#include "ops/reduce/reduce_op.hpp"
#include "tape/expect.hpp"

namespace tapegrad {

struct Mean : ReduceOp<Mean> {
  static constexpr std::string_view name = "mean";
  static constexpr std::string_view math = R"(y_j = \frac1n \sum_{i \mapsto j} x_i;\quad \bar x_i = \bar y_{j(i)} / n)";
  static constexpr Keep keep = Keep::nothing;
  static constexpr bool linear = true;
  using ReduceOp::ReduceOp;

  Tensor forward(const Tensor& x) const {
    return reduce(
        x, [](const auto* in, const kernels::Slices& slices, auto* out) { kernels::reduce_mean(in, slices, out); });
  }
  Tensor vjp(const Saved& s, const Tensor& dy) const {
    const Shape& shape = s.input_shape(0);
    // Over no elements nothing receives dy: it must not become infinite on the way.
    return expand(unreduce(dy / std::max(count(shape), 1.0), shape), shape);
  }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y_j = \frac1n \sum_{i:\, j(i) = j} x_i)", "n elements are reduced to each result"},
            {"Cotangent", R"(\bar x_i = \bar y_{j(i)} / n)",
             "each $x_i$ stands in one mean, with coefficient $1/n$; the division is done on the small side"}};
  }
  static catalogue::Samples samples(Generator& g) {
    catalogue::Samples s =
        reduction_samples(g, [](const Tensor& x, const Axes& axes, bool keepdim) { return mean(x, axes, keepdim); });
    s.push_back(
        {"a scalar", {catalogue::uniform(g, {}, -2, 2)}, catalogue::of([](const Tensor& x) { return mean(x); })});
    s.push_back({"over no elements",
                 {catalogue::uniform(g, {3, 0}, -2, 2)},
                 catalogue::of([](const Tensor& x) { return mean(x, 1); }),
                 {.order = 0, .reason = "the value is NaN and there is nothing to differentiate"}});
    return s;
  }
  static catalogue::ErrorSamples errors() {
    return {{"axis",
             [] {
               (void)mean(zeros({2, 3}), -3);
             },
             "[mean] axis -3 is out of range for rank 2"},
            {"integers", [] { (void)mean(arange(3)); }, "[mean] expected a floating tensor"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[512, 512] over axis 1", {catalogue::uniform(g, {512, 512}, -2, 2)}, catalogue::of([](const Tensor& x) {
              return mean(x, 1);
            })};
  }
};

Tensor mean(const Tensor& x, const Axes& axes, bool keepdim) { return Mean::over(x, axes, keepdim); }

TAPEGRAD_CATALOGUE(reduce, mean, Mean)

}  // namespace tapegrad
