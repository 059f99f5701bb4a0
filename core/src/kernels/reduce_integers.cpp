// Reductions of integers and truth values. They are exact in any order, so that plain loops do.
#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>

#include "kernels/parallel.hpp"
#include "kernels/reduce.hpp"
#include "kernels/wrapping.hpp"

namespace tapegrad::kernels {
namespace {

/// reduce(slab, out) for the [n, inner] slab of each outer index, in parallel.
template <class In, class Out, class Reduce>
void each_slab(const In* x, const Slices& shape, Out* out, const Reduce& reduce) {
  const std::int64_t size = shape.n * shape.inner;
  parallel_for(shape.outer, rows_per_chunk(size, 4096), shape.outer * size, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t o = begin; o < end; ++o) reduce(x + o * size, out + o * shape.inner);
  });
}

/// out = step(... step(step(start, x_0), x_1) ..., x_{n-1}) for each slice.
template <class In, class Out, class Step>
void fold(const In* x, const Slices& shape, Out start, Out* out, const Step& step) {
  const std::int64_t n = shape.n, inner = shape.inner;
  each_slab(x, shape, out, [&](const In* slab, Out* y) {
    if (inner == 1) {
      *y = std::accumulate(slab, slab + n, start, step);
      return;
    }
    std::fill_n(y, inner, start);
    for (std::int64_t r = 0; r < n; ++r) std::transform(y, y + inner, slab + r * inner, y, step);
  });
}

/// The first place of a slice's best element.
template <class Better>
void place(const std::int64_t* x, const Slices& shape, std::int64_t* out, const Better& better) {
  const std::int64_t n = shape.n, inner = shape.inner;
  each_slab(x, shape, out, [&](const std::int64_t* slab, std::int64_t* y) {
    std::fill_n(y, inner, 0);
    for (std::int64_t r = 1; r < n; ++r)
      for (std::int64_t i = 0; i < inner; ++i)
        if (better(slab[r * inner + i], slab[y[i] * inner + i])) y[i] = r;
  });
}

}  // namespace

void reduce_sum(const std::int64_t* x, const Slices& shape, std::int64_t* out) {
  fold(x, shape, std::int64_t{0}, out, wrapping_add);
}
void reduce_sum(const bool* x, const Slices& shape, std::int64_t* out) {
  fold(x, shape, std::int64_t{0}, out, [](std::int64_t count, bool each) { return count + (each ? 1 : 0); });
}
void reduce_max(const std::int64_t* x, const Slices& shape, std::int64_t* out) {
  fold(x, shape, std::numeric_limits<std::int64_t>::min(), out,
       [](std::int64_t a, std::int64_t b) { return std::max(a, b); });
}
void reduce_min(const std::int64_t* x, const Slices& shape, std::int64_t* out) {
  fold(x, shape, std::numeric_limits<std::int64_t>::max(), out,
       [](std::int64_t a, std::int64_t b) { return std::min(a, b); });
}
void reduce_argmax(const std::int64_t* x, const Slices& shape, std::int64_t* out) {
  place(x, shape, out, std::greater<>());
}
void reduce_argmin(const std::int64_t* x, const Slices& shape, std::int64_t* out) {
  place(x, shape, out, std::less<>());
}
void reduce_any(const bool* x, const Slices& shape, bool* out) { fold(x, shape, false, out, std::logical_or<>()); }
void reduce_all(const bool* x, const Slices& shape, bool* out) { fold(x, shape, true, out, std::logical_and<>()); }

}  // namespace tapegrad::kernels
