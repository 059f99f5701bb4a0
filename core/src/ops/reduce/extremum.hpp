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

 private:
  /// 1 / (number of ties) where x attains the extremum.
  Tensor share(const Saved& s) const {
    const Tensor x = s.input(0).detach();
    return this->even_share(equal(x, this->unreduce(s.output().detach(), x.shape())), x.dtype());
  }
};

}  // namespace tapegrad
