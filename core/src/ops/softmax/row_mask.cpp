#include "ops/softmax/row_mask.hpp"

#include <fmt/format.h>

#include "array/walk.hpp"
#include "kernels/scratch.hpp"
#include "ops/rows.hpp"
#include "tape/expect.hpp"
#include "tapegrad/base/error.hpp"

namespace tapegrad {
namespace {

/// All dimensions but the last.
Shape leading(Shape shape) {
  shape.erase(shape.rank() - 1);
  return shape;
}

/// Where each row begins when its leading dimensions are read with `strides`.
const std::int64_t* row_offsets(const Shape& shape, const Shape& strides) {
  thread_local kernels::Scratch scratch;
  const std::int64_t rows = row_count(shape);
  std::int64_t* offsets = scratch.get<std::int64_t>(rows);
  array::Walk<1> row(leading(shape), {leading(strides)});
  for (std::int64_t r = 0; r < rows; ++r, row.advance()) offsets[r] = row.offset();
  return offsets;
}

}  // namespace

void expect_mask(std::string_view op, const Tensor& keep, const Shape& shape) {
  expect_bool(op, keep, "keep");
  if (!broadcasts_to(keep.shape(), shape))
    throw ShapeError(
        fmt::format("[{}] keep {} does not broadcast to x {}", op, to_string(keep.shape()), to_string(shape)));
}

RowMaskSource::RowMaskSource(std::string_view op, const Tensor& keep, const Shape& shape) {
  if (!keep.defined()) return;
  expect_mask(op, keep, shape);
  keep_ = array_of(keep);
  Shape strides = broadcast_strides(keep_.shape, keep_.strides, shape);
  if (shape.back() > 1 && strides.back() != 1) {
    keep_ = contiguous_copy(keep_.view(shape, strides));
    strides = keep_.strides;
  }
  mask_.keep = keep_.as<bool>();
  bool one_for_all = true;
  for (int d = 0; d + 1 < shape.rank(); ++d) one_for_all = one_for_all && (strides[d] == 0 || shape[d] == 1);
  if (one_for_all) return;
  if (array::is_contiguous(shape, strides)) {
    mask_.stride = shape.back();
  } else {
    mask_.offsets = row_offsets(shape, strides);
  }
}

}  // namespace tapegrad
