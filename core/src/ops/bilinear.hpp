// What ops share that are bilinear in their first two inputs: the gradient of one reads the other.
#pragma once

#include "ops/sum_of.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

template <class Self>
struct BilinearOp : Op<Self> {
  Keep keep_for(Wants wants) const {
    return (wants(0) ? Keep::input(1) : Keep::nothing) | (wants(1) ? Keep::input(0) : Keep::nothing);
  }

 protected:
  /// f(da, b) + f(a, db), f being the op; undefined when neither input has a tangent.
  template <class F>
  static Tensor product_rule(const Saved& s, Tangents dx, const F& f) {
    return sum_of(dx[0].defined() ? f(dx[0], s.input(1)) : Tensor(), dx[1].defined() ? f(s.input(0), dx[1]) : Tensor());
  }
};

}  // namespace tapegrad
