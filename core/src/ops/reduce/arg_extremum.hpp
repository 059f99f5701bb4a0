// What argmax and argmin share.
#pragma once

#include "ops/reduce/reduce_op.hpp"

namespace tapegrad {

template <class Self>
struct ArgExtremumOp : ReduceOp<Self> {
  static constexpr Keep keep = Keep::nothing;
  static constexpr bool differentiable = false;
  using ReduceOp<Self>::ReduceOp;

  template <class Kernel>
  Tensor positions(const Tensor& x, const Kernel& kernel) const {
    this->expect_elements(x);
    if (x.dtype() == int64) return this->template reduce_from<std::int64_t, std::int64_t>(x, kernel);
    expect_floating(Self::name, x);
    return with_floating(
        x.dtype(), [&](auto zero) { return this->template reduce_from<decltype(zero), std::int64_t>(x, kernel); });
  }
};

}  // namespace tapegrad
