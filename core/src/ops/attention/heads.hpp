// Arrays of heads, [N, H, L, width], as kernels read them.
#pragma once

#include "kernels/attention.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/tape/create.hpp"

namespace tapegrad {

/// The array of x, or a copy when the rows of its last dimension are not dense.
inline array::Array with_unit_rows(const Tensor& x) {
  const array::Array& a = array_of(x);
  return a.strides.back() == 1 || a.shape.back() <= 1 ? a : contiguous_copy(a);
}

/// [N, H, L, width] that lies as [N, L, H, width] in memory; its elements are not set.
inline Tensor interleaved(const Shape& like, std::int64_t width, DType dtype) {
  const Tensor whole = empty({like[0], like[2], like[1], width}, {.dtype = dtype});
  const array::Array& a = array_of(whole);
  return wrap(a.view({like[0], like[1], like[2], width}, {a.strides[0], a.strides[2], a.strides[1], a.strides[3]}));
}

template <class T>
kernels::Heads<T> heads_of(const array::Array& a) {
  return {a.as<T>(), {a.strides[0], a.strides[1], a.strides[2]}};
}

}  // namespace tapegrad
