// A bool tensor that broadcasts to [.., n], brought to the form in which the row kernels read it.
#pragma once

#include <string_view>

#include "array/array.hpp"
#include "kernels/softmax.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// Throws DTypeError unless the mask `keep` is bool, ShapeError unless it broadcasts to the shape of x.
void expect_mask(std::string_view op, const Tensor& keep, const Shape& shape);

/// Holds the elements that `mask()` points to. One at a time may be in use on a thread: the offsets lie in memory that
/// the thread keeps.
class RowMaskSource {
 public:
  /// `keep` may be undefined. Throws what expect_mask() does.
  RowMaskSource(std::string_view op, const Tensor& keep, const Shape& shape);
  const kernels::RowMask& mask() const { return mask_; }

 private:
  array::Array keep_;
  kernels::RowMask mask_;
};

}  // namespace tapegrad
