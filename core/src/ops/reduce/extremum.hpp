// What max and min share: of n elements that tie, each gets 1/n of the cotangent (the minimum-norm subgradient).
#pragma once

#include "ops/reduce/reduce_op.hpp"

namespace tapegrad {

template <class Self>
struct ExtremumOp : ReduceOp<Self> {
  static constexpr Keep keep = Keep::inputs | Keep::output;
  using ReduceOp<Self>::ReduceOp;

  Tensor vjp(const Saved& s, const Tensor& dy) const { return this->unreduce(dy, s.input_shape(0)) * share(s); }
  Tensor jvp(const Saved& s, const Tensor& dx) const { return sum(dx * share(s), this->axis_list(), this->keepdim); }

  /// As expect_elements(), and DTypeError for truth values, of which any and all choose.
  void expect_choice(const Tensor& x) const {
    this->expect_elements(x);
    if (x.dtype() == boolean)
      throw DTypeError(std::string("[")
                           .append(Self::name)
                           .append("] bool ")
                           .append(to_string(x.shape()))
                           .append(" has no order: take any or all, or convert it with to(int64)"));
  }

  static catalogue::Samples samples(Generator& g) {
    using catalogue::of;
    catalogue::Samples s = reduction_samples(
        g, [](const Tensor& x, const Axes& axes, bool keepdim) { return ReduceOp<Self>::over(x, axes, keepdim); });
    s.push_back({"ties",
                 {catalogue::vector64({1.0, 2.0, 2.0, 1.0, 1.0})},
                 of([](const Tensor& x) { return ReduceOp<Self>::over(x, {}); }),
                 {.order = 1, .reason = "a kink", .kink = true}});
    s.push_back({"integers", {tensor({{3, 7}, {-7, 2}}, {.dtype = int64})}, of([](const Tensor& x) {
                   return ReduceOp<Self>::over(x, 0);
                 })});
    s.push_back({"a scalar", {catalogue::uniform(g, {}, -2, 2)}, of([](const Tensor& x) {
                   return ReduceOp<Self>::over(x, {});
                 })});
    return s;
  }
  static catalogue::ErrorSamples errors() {
    const std::string op = "[" + std::string(Self::name) + "] ";
    return {{"no elements",
             [] {
               (void)ReduceOp<Self>::over(zeros({2, 0}), 1);
             },
             op + "no elements to choose from in [2, 0]"},
            {"truth values", [] { (void)ReduceOp<Self>::over(ones({3}, {.dtype = boolean}), 0); },
             op + "bool [3] has no order: take any or all, or convert it with to(int64)"},
            {"axis",
             [] {
               (void)ReduceOp<Self>::over(zeros({2, 3}), 2);
             },
             op + "axis 2 is out of range for rank 2"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[512, 512] over axis 1", {catalogue::uniform(g, {512, 512}, -2, 2)}, catalogue::of([](const Tensor& x) {
              return ReduceOp<Self>::over(x, 1);
            })};
  }

 private:
  /// 1 / (number of ties) where x attains the extremum.
  Tensor share(const Saved& s) const {
    const Tensor x = s.input(0).detach();
    return this->even_share(equal(x, this->unreduce(s.output().detach(), x.shape())), x.dtype());
  }
};

}  // namespace tapegrad
