// What ops on rows of a contiguous [.., n] array share.
#pragma once

#include <cstdint>

#include "tape/tensor_impl.hpp"

namespace tapegrad {

/// How many rows of its last dimension a shape of rank 1 or more has; 0 when they are empty.
inline std::int64_t row_count(const Shape& shape) { return shape.back() == 0 ? 0 : shape.numel() / shape.back(); }

/// The contiguous elements of a tensor that may be absent: then null.
class OptionalElements {
 public:
  explicit OptionalElements(const Tensor& x) {
    if (x.defined()) array_ = contiguous_array(x);
  }
  template <class T>
  const T* as() const {
    return array_.storage ? array_.as<T>() : nullptr;
  }

 private:
  array::Array array_;
};

/// The elements of a fresh tensor to be written; null for an undefined one.
template <class T>
T* written(const Tensor& x) {
  return x.defined() ? array_of(x).as<T>() : nullptr;
}

}  // namespace tapegrad
