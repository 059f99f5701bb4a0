#include "ops/view/axis_range.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "tapegrad/base/error.hpp"

namespace tapegrad {

AxisRange resolve(const char* op, const Shape& shape, int d, const Slice& slice) {
  const int axis = normalize_axis(op, d, shape.rank());
  if (slice.step < 1)
    throw ValueError(fmt::format("[{}] expected a step of at least 1, got {} on {}", op, slice.step, to_string(shape)));
  const std::int64_t size = shape[axis];
  const auto bound = [size](std::int64_t i) { return std::clamp<std::int64_t>(i < 0 ? i + size : i, 0, size); };
  const std::int64_t start = bound(slice.start);
  const std::int64_t stop = bound(slice.stop);
  const std::int64_t count = stop > start ? (stop - start - 1) / slice.step + 1 : 0;
  return {axis, start, count > 1 ? slice.step : 1, count};
}

array::Array view_of(const array::Array& a, const AxisRange& range) {
  Shape shape = a.shape;
  Shape strides = a.strides;
  shape[range.axis] = range.count;
  strides[range.axis] *= range.step;
  return a.view(shape, strides, a.offset + range.start * a.strides[range.axis]);
}

namespace {

template <class T>
void add_runs(std::span<T> buffer, const Shape& shape, const AxisRange& range, const T* source) {
  std::int64_t outer = 1;
  for (int d = 0; d < range.axis; ++d) outer *= shape[d];
  std::int64_t inner = 1;
  for (int d = range.axis + 1; d < shape.rank(); ++d) inner *= shape[d];
  // With step 1 the entries lie behind each other: one run for all of them.
  const std::int64_t runs = range.step == 1 ? 1 : range.count;
  const std::int64_t length = range.step == 1 ? range.count * inner : inner;
  for (std::int64_t o = 0; o < outer; ++o)
    for (std::int64_t k = 0; k < runs; ++k) {
      T* target = buffer.data() + (o * shape[range.axis] + range.start + k * range.step) * inner;
      for (std::int64_t j = 0; j < length; ++j) target[j] += source[j];
      source += length;
    }
}

}  // namespace

void add_to_range(Tensor buffer, const AxisRange& range, const Tensor& dy) {
  const array::Array source = contiguous_array(dy);
  if (source.dtype == float32) {
    add_runs(buffer.mutable_data<float>("slice's gradient"), buffer.shape(), range, source.as<float>());
  } else {
    add_runs(buffer.mutable_data<double>("slice's gradient"), buffer.shape(), range, source.as<double>());
  }
}

}  // namespace tapegrad
