// What argmax and argmin share.
#pragma once

#include "ops/reduce/reduce_op.hpp"

namespace tapegrad {

template <class Self>
struct ArgExtremumOp : ReduceOp<Self> {
  static constexpr Keep keep = Keep::nothing;
  static constexpr bool differentiable = false;
  using ReduceOp<Self>::ReduceOp;

  /// Among all elements.
  static Tensor over_all(const Tensor& x) {
    Self(axes_of(Self::name, {}, x), false).expect_elements(x);
    return ReduceOp<Self>::over(x.reshape({-1}), 0);
  }

  template <class Kernel>
  Tensor positions(const Tensor& x, const Kernel& kernel) const {
    this->expect_elements(x);
    if (x.dtype() == int64) return this->template reduce_from<std::int64_t, std::int64_t>(x, kernel);
    expect_ordered(Self::name, x);
    return with_floating(
        x.dtype(), [&](auto zero) { return this->template reduce_from<decltype(zero), std::int64_t>(x, kernel); });
  }

  static catalogue::Samples samples(Generator& g) {
    using catalogue::of;
    return {{"last axis", {catalogue::uniform(g, {3, 4}, -2, 2)}, of([](const Tensor& x) {
               return ReduceOp<Self>::over(x, -1);
             })},
            {"first axis, kept", {catalogue::uniform(g, {3, 4}, -2, 2)}, of([](const Tensor& x) {
               return ReduceOp<Self>::over(x, 0, true);
             })},
            {"integers", {tensor({3, 7, 7, 2}, {.dtype = int64})}, of([](const Tensor& x) {
               return ReduceOp<Self>::over(x, 0);
             })}};
  }
  static catalogue::ErrorSamples errors() {
    const std::string op = "[" + std::string(Self::name) + "] ";
    return {
        {"no elements",
         [] {
           (void)ReduceOp<Self>::over(zeros({2, 0}), 1);
         },
         op + "no elements to choose from in [2, 0]"},
        {"no elements at all",
         [] {
           (void)over_all(zeros({0, 2}));
         },
         op + "no elements to choose from in [0, 2]"},
        {"undefined", [] { (void)over_all(Tensor()); }, op + "an input is undefined"},
        {"bool", [] { (void)ReduceOp<Self>::over(ones({3}, {.dtype = boolean}), 0); }, op + "bool [3] has no order"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[512, 512] over axis 1", {catalogue::uniform(g, {512, 512}, -2, 2)}, catalogue::of([](const Tensor& x) {
              return ReduceOp<Self>::over(x, 1);
            })};
  }
};

}  // namespace tapegrad
