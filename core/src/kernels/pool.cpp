#include "kernels/pool.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/parallel.hpp"

namespace tapegrad::kernels {
namespace {

/// Body(row) for each row, about as costly as its longer side.
template <class Body>
void for_each_row(std::int64_t rows, std::int64_t length, std::span<const Window> windows, const Body& body) {
  const std::int64_t cost = std::max({std::int64_t{1}, length, static_cast<std::int64_t>(windows.size())});
  parallel_for(rows, rows_per_chunk(cost, kChunkElements / 2), 16 * rows * cost,
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t row = begin; row < end; ++row) body(row);
               });
}

}  // namespace

template <class T>
void window_sums(const T* x, std::int64_t rows, std::int64_t length, std::span<const Window> windows, T* y) {
  const auto count = static_cast<std::int64_t>(windows.size());
  for_each_row(rows, length, windows, [&](std::int64_t row) {
    const T* in = x + row * length;
    T* out = y + row * count;
    for (const Window& w : windows) {
      double sum = 0.0;
      for (std::int64_t p = w.begin; p < w.end; p += w.step) sum += static_cast<double>(in[p]);
      *out++ = static_cast<T>(w.share * sum);
    }
  });
}

template <class T>
void add_to_windows(const T* dy, std::int64_t rows, std::int64_t length, std::span<const Window> windows, T* dx) {
  const auto count = static_cast<std::int64_t>(windows.size());
  for_each_row(rows, length, windows, [&](std::int64_t row) {
    const T* in = dy + row * count;
    T* out = dx + row * length;
    for (const Window& w : windows) {
      const T part = static_cast<T>(w.share * static_cast<double>(*in++));
      for (std::int64_t p = w.begin; p < w.end; p += w.step) out[p] += part;
    }
  });
}

template <class T>
void window_argmax(const T* x, std::int64_t rows, std::int64_t length, std::span<const Window> windows,
                   std::int64_t* positions) {
  const auto count = static_cast<std::int64_t>(windows.size());
  for_each_row(rows, length, windows, [&](std::int64_t row) {
    const T* in = x + row * length;
    std::int64_t* out = positions + row * count;
    for (const Window& w : windows) {
      std::int64_t best = w.begin;
      for (std::int64_t p = w.begin + w.step; p < w.end && !std::isnan(in[best]); p += w.step)
        if (in[p] > in[best] || std::isnan(in[p])) best = p;
      *out++ = best;
    }
  });
}

#define TAPEGRAD_POOL(T)                                                                           \
  template void window_sums(const T*, std::int64_t, std::int64_t, std::span<const Window>, T*);    \
  template void add_to_windows(const T*, std::int64_t, std::int64_t, std::span<const Window>, T*); \
  template void window_argmax(const T*, std::int64_t, std::int64_t, std::span<const Window>, std::int64_t*)
TAPEGRAD_POOL(float);
TAPEGRAD_POOL(double);
#undef TAPEGRAD_POOL

}  // namespace tapegrad::kernels
