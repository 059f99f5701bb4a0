#include "ops/view/axis_range.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "kernels/parallel.hpp"
#include "kernels/slices.hpp"
#include "tapegrad/base/error.hpp"

namespace tapegrad {

AxisRange resolve(std::string_view op, const Shape& shape, Axis axis, const Slice& slice) {
  const int d = normalize_axis(op, axis, shape);
  const std::int64_t step = slice.step;
  if (step < 1)
    throw ValueError(fmt::format("[{}] expected a step of at least 1, got {} on {}", op, step, to_string(shape)));
  const std::int64_t size = shape[d];
  const auto bound = [size](std::int64_t i) { return std::clamp<std::int64_t>(i < 0 ? i + size : i, 0, size); };
  const std::int64_t start = bound(slice.start);
  const std::int64_t stop = bound(slice.stop);
  const std::int64_t count = stop > start ? (stop - start - 1) / step + 1 : 0;
  return {d, start, count > 1 ? step : 1, count};
}

array::Array view_of(const array::Array& a, const AxisRange& range) {
  Shape shape = a.shape;
  Shape strides = a.strides;
  shape[range.axis] = range.count;
  strides[range.axis] *= range.step;
  return a.view(shape, strides, range.start * a.strides[range.axis]);
}

namespace {

/// Calls body(position in the contiguous whole, position in the contiguous part, length) for runs of elements that lie
/// behind each other in both, on several threads.
template <class Body>
void for_each_run(const Shape& whole, const AxisRange& range, const Body& body) {
  constexpr std::int64_t kWorkOfRun = 50, kWorkOfElement = 2;
  const kernels::Slices rows = kernels::slices_along(whole, range.axis);
  const std::int64_t runs = range.step == 1 ? 1 : range.count;
  const std::int64_t length = range.step == 1 ? range.count * rows.inner : rows.inner;
  const std::int64_t work = rows.outer * runs * (kWorkOfRun + kWorkOfElement * length);
  const auto begin_of = [&](std::int64_t o, std::int64_t k) {
    return (o * rows.n + range.start + k * range.step) * rows.inner;
  };
  if (rows.outer * runs == 1) {  // one run is cut
    kernels::parallel_for(length, kernels::kChunkElements, work, [&](std::int64_t begin, std::int64_t end) {
      body(begin_of(0, 0) + begin, begin, end - begin);
    });
    return;
  }
  kernels::parallel_for(rows.outer * runs, kernels::rows_per_chunk(length), work,
                        [&](std::int64_t begin, std::int64_t end) {
                          std::int64_t o = begin / runs, k = begin % runs;
                          for (std::int64_t run = begin; run < end; ++run) {
                            body(begin_of(o, k), run * length, length);
                            if (++k < runs) continue;
                            k = 0;
                            ++o;
                          }
                        });
}

template <class T>
void add_runs(std::span<T> buffer, const Shape& whole, const AxisRange& range, const T* terms) {
  for_each_run(whole, range, [&](std::int64_t to, std::int64_t from, std::int64_t length) {
    T* sum = buffer.data() + to;
    for (std::int64_t j = 0; j < length; ++j) sum[j] += terms[from + j];
  });
}

}  // namespace

void write_range(const array::Array& whole, const AxisRange& range, const Tensor& part) {
  const array::Array source = contiguous_array(part);
  const auto bytes = static_cast<std::int64_t>(size_of(whole.dtype));
  for_each_run(whole.shape, range, [&](std::int64_t to, std::int64_t from, std::int64_t length) {
    std::memcpy(whole.data() + to * bytes, source.data() + from * bytes, static_cast<std::size_t>(length * bytes));
  });
}

void add_to_range(Tensor buffer, const AxisRange& range, const Tensor& dy) {
  const array::Array source = contiguous_array(dy);
  if (source.dtype == float32) {
    add_runs(buffer.mutable_data<float>("slice's gradient"), buffer.shape(), range, source.as<float>());
  } else {
    add_runs(buffer.mutable_data<double>("slice's gradient"), buffer.shape(), range, source.as<double>());
  }
}

}  // namespace tapegrad
