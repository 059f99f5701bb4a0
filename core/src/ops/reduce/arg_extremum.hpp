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
    expect_floating(Self::name, x);
    this->expect_elements(x);
    const ReductionPlan r = plan_reduction(array_of(x), this->axes);
    Tensor y = empty(reduced_shape(x.shape(), this->axes, this->keepdim), {.dtype = int64});
    with_floating(x.dtype(), [&](auto zero) {
      using T = decltype(zero);
      kernel(r.input.as<T>(), r.slices, array_of(y).as<std::int64_t>());
    });
    return y;
  }
};

}  // namespace tapegrad
