#include "ops/index/indices.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "array/walk.hpp"
#include "base/ceil_div.hpp"
#include "base/dispatch.hpp"
#include "kernels/parallel.hpp"
#include "kernels/wrapping.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"

namespace tapegrad {

array::Array checked_indices(std::string_view op, const Tensor& index, std::int64_t size) {
  if (index.dtype() != int64)
    throw DTypeError(fmt::format("[{}] expected int64 indices, got {} {}: say {{.dtype = int64}}, or to(int64)", op,
                                 to_string(index.dtype()), to_string(index.shape())));
  array::Array a = contiguous_array(index);
  const std::int64_t* first = a.as<std::int64_t>();
  const std::int64_t* last = first + a.shape.numel();
  const std::int64_t* wrong = std::find_if(first, last, [size](std::int64_t i) { return i < 0 || i >= size; });
  if (wrong != last) {
    std::int64_t flat = wrong - first;
    Shape place = a.shape;
    for (int d = place.rank() - 1; d >= 0; --d) {
      place[d] = flat % a.shape[d];
      flat /= a.shape[d];
    }
    throw IndexError(
        fmt::format("[{}] index {} at {} is out of range for size {}", op, *wrong, to_string(place), size));
  }
  return a;
}

void expect_number(std::string_view op, const Tensor& x) {
  if (x.dtype() == boolean)
    throw DTypeError(fmt::format("[{}] bool {} cannot be summed: convert it with to()", op, to_string(x.shape())));
}

namespace {

/// A row that is copied costs a call (some 5 ns), in elementary steps, and as many of these as it has bytes (about 16
/// in 1 ns).
constexpr std::int64_t kRowWork = 50;

}  // namespace

void copy_rows(const std::byte* x, const kernels::Slices& rows, const std::int64_t* index, std::int64_t count,
               std::byte* out, std::size_t element) {
  const auto bytes = rows.inner * static_cast<std::int64_t>(element);
  if (bytes == 0) return;
  constexpr std::int64_t kGrainBytes = 32 * 1024;
  const std::int64_t work = rows.outer * count * (kRowWork + bytes);
  kernels::parallel_for(rows.outer * count, kernels::rows_per_chunk(bytes, kGrainBytes), work,
                        [&](std::int64_t begin, std::int64_t end) {
                          for (std::int64_t r = begin; r < end; ++r)
                            std::memcpy(out + r * bytes, x + ((r / count) * rows.n + index[r % count]) * bytes,
                                        static_cast<std::size_t>(bytes));
                        });
}

namespace {

/// The cost of an element that is reached through an index (about 2 ns), in elementary steps.
constexpr std::int64_t kElementWork = 20;

/// The sizes or strides of all dimensions but one.
Shape without(Shape dimensions, int axis) {
  dimensions.erase(axis);
  return dimensions;
}

/// The elements of an index of `shape` that differ along `axis` alone are a column. Calls body(offset, k) for each
/// element k, `offset` being where its column begins in an array of these strides; those of a column in order and on
/// one thread, so that body may add into what the column owns.
template <class Body>
void for_each_in_columns(const Shape& shape, const Shape& strides, int axis, const Body& body) {
  const kernels::Slices rows = kernels::slices_along(shape, axis);
  const Shape others = without(shape, axis), steps = without(strides, axis);
  constexpr std::int64_t kColumns = 64;
  kernels::parallel_for(rows.outer * rows.inner, kColumns, shape.numel() * kElementWork,
                        [&](std::int64_t begin, std::int64_t end) {
                          std::array<std::int64_t, kColumns> offsets;
                          std::array<std::int64_t, kColumns> first;
                          for (std::int64_t c = begin; c < end; ++c) {
                            const auto column = static_cast<std::size_t>(c - begin);
                            first[column] = c / rows.inner * rows.n * rows.inner + c % rows.inner;
                            offsets[column] = array::element_offset(others, steps, c);
                          }
                          const auto columns = static_cast<std::size_t>(end - begin);
                          if (rows.inner == 1) {
                            for (std::size_t c = 0; c < columns; ++c)
                              for (std::int64_t j = 0; j < rows.n; ++j) body(offsets[c], first[c] + j);
                          } else {
                            for (std::int64_t j = 0; j < rows.n; ++j)
                              for (std::size_t c = 0; c < columns; ++c) body(offsets[c], first[c] + j * rows.inner);
                          }
                        });
}

}  // namespace

namespace {

/// Each thread owns strips of at most `columns` columns of one outer index, and walks its rows in order: no two write
/// one element. Calls body(row of the target, row of the source, first column, end) for each row k with index[k] !=
/// skip.
template <class Body>
void for_each_in_strips(const kernels::Slices& rows, const array::Array& index, std::int64_t columns, std::int64_t work,
                        std::int64_t skip, const Body& body) {
  const std::int64_t count = index.shape.numel();
  const std::int64_t* chosen = index.as<std::int64_t>();
  const std::int64_t strips = ceil_div(rows.inner, columns);
  const std::int64_t tasks = rows.outer * strips;
  kernels::parallel_for(tasks, std::max<std::int64_t>(1, tasks / 256), work, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t o = task / strips;
      const std::int64_t first = task % strips * columns;
      const std::int64_t last = std::min(rows.inner, first + columns);
      for (std::int64_t k = 0; k < count; ++k)
        if (chosen[k] != skip) body(o * rows.n + chosen[k], o * count + k, first, last);
    }
  });
}

}  // namespace

void add_rows(const array::Array& target, const kernels::Slices& rows, const array::Array& index,
              const array::Array& source, std::int64_t skip) {
  constexpr std::int64_t kColumns = 64;
  with_number(target.dtype, [&](auto zero) {
    using T = decltype(zero);
    T* const sums = target.as<T>();
    const T* const terms = source.as<T>();
    for_each_in_strips(
        rows, index, kColumns, source.shape.numel() * 2, skip,
        [=, inner = rows.inner](std::int64_t to, std::int64_t from, std::int64_t begin, std::int64_t end) {
          T* const sum = sums + to * inner;
          const T* const term = terms + from * inner;
          for (std::int64_t j = begin; j < end; ++j) sum[j] = kernels::plus(sum[j], term[j]);
        });
  });
}

void write_rows(const array::Array& target, const kernels::Slices& rows, const array::Array& index,
                const array::Array& source) {
  constexpr std::int64_t kColumns = 1024;
  const auto element = static_cast<std::int64_t>(size_of(target.dtype));
  const std::int64_t bytes = rows.inner * element;
  for_each_in_strips(rows, index, kColumns, rows.outer * index.shape.numel() * (kRowWork + bytes), kNoRow,
                     [&](std::int64_t to, std::int64_t from, std::int64_t begin, std::int64_t end) {
                       std::memcpy(target.data() + to * bytes + begin * element,
                                   source.data() + from * bytes + begin * element,
                                   static_cast<std::size_t>((end - begin) * element));
                     });
}

void copy_elements(const array::Array& x, int axis, const array::Array& index, const array::Array& out) {
  constexpr std::int64_t kGrain = 4096;
  const std::int64_t* chosen = index.as<std::int64_t>();
  const std::int64_t along = x.strides[axis];
  const std::int64_t count = index.shape.numel();
  const std::int64_t length = index.shape.back();
  const int last = index.shape.rank() - 1;
  Shape steps = x.strides;
  steps[axis] = 0;  // the index says where along it
  const std::int64_t step = steps[last];
  const Shape lines = without(index.shape, last), line_steps = without(steps, last);
  with_element(x.dtype, [&](auto zero) {
    using T = decltype(zero);
    const T* from = x.as<T>();
    T* to = out.as<T>();
    kernels::parallel_for(count, kGrain, count * kElementWork, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t k = begin; k < end;) {
        const T* line = from + array::element_offset(lines, line_steps, k / length);
        const std::int64_t line_end = std::min(end, (k / length + 1) * length);
        for (std::int64_t j = k % length; k < line_end; ++j, ++k) to[k] = line[j * step + chosen[k] * along];
      }
    });
  });
}

namespace {

/// put(element of the target, element of the source), in the order of the index.
template <class T, class Put>
void put_elements(const array::Array& target, int axis, const array::Array& index, const array::Array& source,
                  const Put& put) {
  const std::int64_t* chosen = index.as<std::int64_t>();
  const std::int64_t along = target.strides[axis];
  T* to = target.as<T>();
  const T* from = source.as<T>();
  for_each_in_columns(index.shape, target.strides, axis,
                      [&](std::int64_t offset, std::int64_t k) { put(to[offset + chosen[k] * along], from[k]); });
}

}  // namespace

void add_elements(const array::Array& target, int axis, const array::Array& index, const array::Array& source) {
  with_number(target.dtype, [&](auto zero) {
    using T = decltype(zero);
    put_elements<T>(target, axis, index, source, [](T& sum, T term) { sum = kernels::plus(sum, term); });
  });
}

void write_elements(const array::Array& target, int axis, const array::Array& index, const array::Array& source) {
  with_element(target.dtype, [&](auto zero) {
    using T = decltype(zero);
    put_elements<T>(target, axis, index, source, [](T& element, T value) { element = value; });
  });
}

bool fits_along(int axis, const Tensor& index, const Tensor& x) {
  bool fits = index.dim() == x.dim();
  for (int d = 0; fits && d < x.dim(); ++d) fits = d == axis || index.shape()[d] <= x.shape()[d];
  return fits;
}

void expect_scatter(std::string_view op, const Tensor& x, int axis, const Tensor& index, const Tensor& source) {
  if (!fits_along(axis, index, x) || index.shape() != source.shape())
    throw ShapeError(fmt::format("[{}] an index {} and a source {} do not fit {} along axis {}", op,
                                 to_string(index.shape()), to_string(source.shape()), to_string(x.shape()), axis));
}

Tensor places(const Shape& shape) { return reshape(arange(shape.numel()), shape); }

}  // namespace tapegrad
