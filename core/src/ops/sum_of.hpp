// Sums in which an undefined tensor is a zero: of tangents and cotangents that need not be there.
#pragma once

#include "tapegrad/tape/engine_ops.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// a + b; undefined when both are.
inline Tensor sum_of(const Tensor& a, const Tensor& b) {
  if (!a.defined()) return b;
  return b.defined() ? add(a, b) : a;
}

/// total += part.
inline void add_to(Tensor& total, const Tensor& part) { total = sum_of(total, part); }

}  // namespace tapegrad
