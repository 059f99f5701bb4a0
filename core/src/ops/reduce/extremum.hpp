// What max and min share: of n elements that tie, each gets 1/n of the cotangent (the minimum-norm subgradient).
#pragma once

#include "ops/reduce/reduce_op.hpp"
#include "tapegrad/base/error.hpp"

namespace tapegrad {

template <class Self>
struct ExtremumOp : ReduceOp<Self> {
  static constexpr Keep keep = Keep::inputs | Keep::output;
  using ReduceOp<Self>::ReduceOp;

  Tensor vjp(const Saved& s, const Tensor& dy) const { return this->unreduce(dy, s.input_shape(0)) * share(s); }
  Tensor jvp(const Saved& s, const Tensor& dx) const { return sum(dx * share(s), this->axis_list(), this->keepdim); }

 protected:
  void expect_elements(const Tensor& x) const {
    if (this->count(x.shape()) == 0.0)
      throw ShapeError(
          std::string("[").append(Self::name).append("] no elements to choose from in ").append(to_string(x.shape())));
  }

 private:
  /// 1 / (number of ties) where x attains the extremum, else 0: a constant almost everywhere.
  Tensor share(const Saved& s) const {
    const Tensor x = s.input(0).detach();
    const Tensor chosen = equal(x, this->unreduce(s.output().detach(), x.shape()));
    const Tensor ones_there = where(chosen, ones_like(x), 0.0);
    return ones_there / sum(ones_there, this->axis_list(), true);
  }
};

}  // namespace tapegrad
