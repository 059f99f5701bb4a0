// What any and all share: bool in, bool out, no gradient.
#pragma once

#include "ops/reduce/reduce_op.hpp"

namespace tapegrad {

template <class Self>
struct TruthOp : ReduceOp<Self> {
  static constexpr Keep keep = Keep::nothing;
  static constexpr bool differentiable = false;
  using ReduceOp<Self>::ReduceOp;

  template <class Kernel>
  Tensor truth(const Tensor& x, const Kernel& kernel) const {
    expect_bool(Self::name, x);
    return this->template reduce_from<bool, bool>(x, kernel);
  }

  static catalogue::Samples samples(Generator& g) {
    using catalogue::of;
    const auto over = [](const Axes& axes, bool keepdim) {
      return of([axes, keepdim](const Tensor& x) { return ReduceOp<Self>::over(x, axes, keepdim); });
    };
    const auto truths = [&g](const Shape& shape) { return catalogue::uniform(g, shape, -1, 1) > 0; };
    return {{"everything", {truths({3, 4})}, over({}, false)},
            {"last axis", {truths({3, 4})}, over(-1, false)},
            {"outer axes, kept", {truths({2, 3, 4})}, over({0, 2}, true)},
            {"middle axis", {truths({2, 3, 4})}, over(1, false)},
            {"over no elements", {truths({3, 0})}, over(1, false)}};
  }
  static catalogue::ErrorSamples errors() {
    const std::string op = "[" + std::string(Self::name) + "] ";
    return {
        {"numbers", [] { (void)apply(Self(1, false), zeros({2})); }, op + "expected a bool tensor, got float32 [2]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[512, 512] over axis 1",
            {catalogue::uniform(g, {512, 512}, -1, 1) > 0},
            catalogue::of([](const Tensor& x) { return apply(Self(2, false), x); })};
  }
};

}  // namespace tapegrad
