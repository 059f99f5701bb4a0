#include "array/array.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>

#include "array/walk.hpp"
#include "base/dispatch.hpp"
#include "tapegrad/base/error.hpp"

namespace tapegrad::array {

namespace {

/// Calls body(pointer offsets of a, of b, length of the inner run, inner strides) over two arrays of one shape.
template <class Body>
void for_each_run(const Shape& shape, const Shape& strides_a, const Shape& strides_b, const Body& body) {
  if (shape.numel() == 0) return;
  const int inner = shape.rank() - 1;
  if (inner < 0) {
    body(std::int64_t{0}, std::int64_t{0}, std::int64_t{1}, std::int64_t{1}, std::int64_t{1});
    return;
  }
  Shape lines = shape, steps_a = strides_a, steps_b = strides_b;
  for (Shape* all : {&lines, &steps_a, &steps_b}) all->erase(inner);
  Walk<2> walk(lines, {steps_a, steps_b});
  for (std::int64_t left = lines.numel(); left > 0; --left, walk.advance())
    body(walk.offset(0), walk.offset(1), shape[inner], strides_a[inner], strides_b[inner]);
}

template <class To, class From>
To convert(From value) {
  if constexpr (std::is_same_v<To, bool>) {
    return value != From{};
  } else if constexpr (std::is_same_v<To, std::int64_t> && std::is_floating_point_v<From>) {
    // NaN and what lies outside the range would be undefined: NumPy's answer on x86-64 is the least integer.
    constexpr From kBound = 9223372036854775808.0;
    return value >= -kBound && value < kBound ? static_cast<To>(value) : std::numeric_limits<To>::min();
  } else {
    return static_cast<To>(value);
  }
}

}  // namespace

void throw_too_many_elements(const Shape& shape) {
  throw ShapeError("[tensor] shape " + tapegrad::to_string(shape) + " has too many elements");
}

std::size_t bytes_of_none(const Shape& shape) {
  if (std::any_of(shape.begin(), shape.end(), [](std::int64_t size) { return size < 0; }))
    throw ShapeError("[tensor] negative size in shape " + tapegrad::to_string(shape));
  // Reductions, strides and products of sizes must not overflow either.
  if (extent(shape).value_or(kMostElements + 1) > kMostElements) throw_too_many_elements(shape);
  return 0;
}

void throw_no_memory(const Shape& shape, DType dtype) {
  throw Error("[tensor] the system has no " + std::to_string(bytes_of(shape, dtype)) + " bytes for " +
              std::string(tapegrad::to_string(dtype)) + " " + tapegrad::to_string(shape));
}

Array::Array(const Shape& sizes, DType type) : Array(storage_for(bytes_of(sizes, type), sizes, type), sizes, type) {}

Array Array::view(const Shape& new_shape, const Shape& new_strides, std::int64_t start) const {
  Array a;
  a.storage = storage;
  a.elements = elements + start * static_cast<std::int64_t>(size_of(dtype));
  a.shape = new_shape;
  a.strides = new_strides;
  a.dtype = dtype;
  a.contiguous = is_contiguous(new_shape, new_strides);
  return a;
}

bool is_contiguous(const Shape& shape, const Shape& strides) {
  std::int64_t step = 1;
  bool dense = true;
  for (int d = shape.rank() - 1; d >= 0; --d) {
    if (shape[d] == 0) return true;
    if (shape[d] != 1 && strides[d] != step) dense = false;
    step *= shape[d];
  }
  return dense;
}

bool view_strides(const Shape& old_shape, const Shape& old_strides, const Shape& shape, Shape& strides) {
  strides = contiguous_strides(shape);
  if (is_contiguous(old_shape, old_strides)) return true;
  // From the back: old dimensions that lie densely behind each other form a block, and new dimensions must fill each
  // block exactly.
  int next = shape.rank() - 1;
  int d = old_shape.rank() - 1;
  while (d >= 0) {
    if (old_shape[d] == 1) {
      --d;
      continue;
    }
    const std::int64_t step = old_strides[d];
    std::int64_t block = 1;
    for (; d >= 0 && (old_shape[d] == 1 || old_strides[d] == step * block); --d) block *= old_shape[d];
    std::int64_t filled = 1;
    for (; next >= 0 && filled < block; --next) {
      strides[next] = step * filled;
      filled *= shape[next];
    }
    if (filled != block) return false;
  }
  return true;  // what is left has size 1 (numel agrees): any stride will do
}

Array copy(const Array& a) {
  Array out = Array::empty(a.shape, a.dtype);
  assign(out, a);
  return out;
}

void assign(const Array& target, const Array& source) {
  const bool alike = target.contiguous && source.contiguous && target.shape == source.shape;
  if (alike && target.dtype == source.dtype) {
    std::memcpy(target.data(), source.data(), static_cast<std::size_t>(target.shape.numel()) * size_of(target.dtype));
    return;
  }
  const Shape source_strides = broadcast_strides(source.shape, source.strides, target.shape);
  with_element(target.dtype, [&](auto to) {
    using To = decltype(to);
    with_element(source.dtype, [&](auto from) {
      using From = decltype(from);
      To* t = target.as<To>();
      const From* s = source.as<From>();
      if (alike) {  // in runs of a few hundred: g++ 12 makes twice as fast code of them as of a single one
        constexpr std::int64_t kRun = 512;
        for (std::int64_t begin = 0, end = 0, n = target.shape.numel(); begin < n; begin = end) {
          end = std::min(n, begin + kRun);
          for (std::int64_t i = begin; i < end; ++i) t[i] = convert<To>(s[i]);
        }
        return;
      }
      for_each_run(target.shape, target.strides, source_strides,
                   [&](std::int64_t a, std::int64_t b, std::int64_t n, std::int64_t step_a, std::int64_t step_b) {
                     for (std::int64_t i = 0; i < n; ++i) t[a + i * step_a] = convert<To>(s[b + i * step_b]);
                   });
    });
  });
}

void fill(const Array& target, double value) {
  with_element(target.dtype, [&](auto to) {
    using To = decltype(to);
    To* t = target.as<To>();
    const To v = convert<To>(value);
    if (target.contiguous) {
      std::fill_n(t, target.shape.numel(), v);
      return;
    }
    for_each_run(target.shape, target.strides, target.strides,
                 [&](std::int64_t a, std::int64_t, std::int64_t n, std::int64_t step, std::int64_t) {
                   for (std::int64_t i = 0; i < n; ++i) t[a + i * step] = v;
                 });
  });
}

}  // namespace tapegrad::array
