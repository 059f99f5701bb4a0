#include "kernels/reduce.hpp"
#include "ops/reduce/reduce_op.hpp"
#include "tape/expect.hpp"

namespace tapegrad {

struct Sum : ReduceOp<Sum> {
  static constexpr std::string_view name = "sum";
  static constexpr std::string_view math = R"(y_j = \sum_{i \mapsto j} x_i;\quad \bar x_i = \bar y_{j(i)})";
  static constexpr Keep keep = Keep::nothing;
  static constexpr bool linear = true;
  using ReduceOp::ReduceOp;

  Tensor forward(const Tensor& x) const {
    const auto kernel = [](const auto* in, const kernels::Slices& slices, auto* out) {
      kernels::reduce_sum(in, slices, out);
    };
    return x.dtype() == boolean ? reduce_from<bool, std::int64_t>(x, kernel) : reduce_numbers(x, kernel);
  }
  Tensor vjp(const Saved& s, const Tensor& dy) const {
    return expand(unreduce(dy, s.input_shape(0)), s.input_shape(0));
  }

  static catalogue::Derivation derivation() {
    return {
        {"Definition", R"(y_j = \sum_{i:\, j(i) = j} x_i)", "j(i) drops the coordinates of the reduced axes"},
        {"Cotangent", R"(\bar x_i = \sum_j \bar y_j \frac{\partial y_j}{\partial x_i} = \bar y_{j(i)})",
         "$x_i$ stands in one sum, with coefficient 1: its cotangent is that sum's, seen in the larger shape without "
         "a copy"}};
  }
  static catalogue::Samples samples(Generator& g) {
    catalogue::Samples s =
        reduction_samples(g, [](const Tensor& x, const Axes& axes, bool keepdim) { return sum(x, axes, keepdim); });
    s.push_back(
        {"a scalar", {catalogue::uniform(g, {}, -2, 2)}, catalogue::of([](const Tensor& x) { return sum(x); })});
    s.push_back({"integers", {tensor({{3, 7}, {-7, 2}}, {.dtype = int64})}, catalogue::of([](const Tensor& x) {
                   return sum(x, 0);
                 })});
    s.push_back({"how many are true", {catalogue::uniform(g, {3, 4}, -2, 2) > 0}, catalogue::of([](const Tensor& x) {
                   return sum(x, 1);
                 })});
    s.push_back({"over no elements", {catalogue::uniform(g, {3, 0}, -2, 2)}, catalogue::of([](const Tensor& x) {
                   return sum(x, 1);
                 })});
    return s;
  }
  static catalogue::ErrorSamples errors() {
    return {{"axis",
             [] {
               (void)sum(zeros({2, 3}), 2);
             },
             "[sum] axis 2 is out of range for rank 2"},
            {"twice",
             [] {
               (void)sum(zeros({2, 3}), {1, -1});
             },
             "[sum] axis -1 is given twice"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[512, 512] over axis 0", {catalogue::uniform(g, {512, 512}, -2, 2)}, catalogue::of([](const Tensor& x) {
              return sum(x, 0);
            })};
  }
};

Tensor sum(const Tensor& x, const Axes& axes, bool keepdim) { return Sum::over(x, axes, keepdim); }

TAPEGRAD_CATALOGUE(reduce, sum, Sum)

}  // namespace tapegrad
