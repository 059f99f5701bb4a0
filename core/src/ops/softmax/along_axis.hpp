// Ops that work on the last axis, along any other.
#pragma once

#include "ops/softmax/row_mask.hpp"
#include "tape/expect.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

/// op(x, keep) along `axis`: the axis changes places with the last one and back, without a copy of its own.
template <class O>
Tensor along_axis(const O& op, const Tensor& x, Axis axis, const Tensor& keep) {
  const int a = axis_of(O::name, axis, x, "input 0 (x)");
  expect_floating(O::name, x);
  if (a == x.dim() - 1) return apply(op, x, keep);
  if (keep.defined()) expect_mask(O::name, keep, x.shape());
  const Tensor keep_last = keep.defined() ? transpose(expand(keep, x.shape()), a, -1) : Tensor();
  return transpose(apply(op, transpose(x, a, -1), keep_last), a, -1);
}

}  // namespace tapegrad
