#include "kernels/scan.hpp"

#include <algorithm>

#include "kernels/parallel.hpp"
#include "kernels/scratch.hpp"

namespace tapegrad::kernels {
namespace {

constexpr std::int64_t kTile = 256;      // neighbouring lines that one task walks side by side
constexpr std::int64_t kChainWork = 20;  // a step waits for the one before: about 2 ns
constexpr std::int64_t kTileWork = 8;    // lines side by side hide each other's waits

/// Where a task's lines lie: `count` of them side by side, `stride` from one step to the next.
struct Lines {
  std::int64_t first;  // element at which the tile begins
  std::int64_t slice;  // its place in an [outer, inner] result
  std::int64_t count;
  std::int64_t stride;
  std::int64_t n;
};

/// Calls body(lines) for tiles that together cover the array; each runs on one thread.
template <class Body>
void for_each_tile(const Slices& shape, const Body& body) {
  const std::int64_t tiles = (shape.inner + kTile - 1) / kTile;
  const std::int64_t tasks = shape.outer * tiles;
  const std::int64_t elements = shape.outer * shape.n * shape.inner;
  const std::int64_t grain = std::max<std::int64_t>(1, tasks / 256);
  parallel_for(tasks, grain, elements * (shape.inner == 1 ? kChainWork : kTileWork),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t task = begin; task < end; ++task) {
                   const std::int64_t o = task / tiles;
                   const std::int64_t i = task % tiles * kTile;
                   body(Lines{.first = o * shape.n * shape.inner + i,
                              .slice = o * shape.inner + i,
                              .count = std::min(kTile, shape.inner - i),
                              .stride = shape.inner,
                              .n = shape.n});
                 }
               });
}

/// Walks down each tile with a carry per line: step(carry, element, how many came before) for each element, in order of
/// the axis or against it. Carries begin as `start`; done(lines, carries) ends a tile.
template <class Step, class Done>
void scan(const Slices& shape, Direction direction, double start, const Step& step, const Done& done) {
  for_each_tile(shape, [&](const Lines& lines) {
    const std::int64_t stride = direction == Direction::forward ? lines.stride : -lines.stride;
    std::int64_t at = lines.first + (direction == Direction::forward ? 0 : (lines.n - 1) * lines.stride);
    if (lines.count == 1) {  // the carry stays in a register
      double carry = start;
      for (std::int64_t r = 0; r < lines.n; ++r, at += stride) step(carry, at, r);
      done(lines, &carry);
      return;
    }
    double carry[kTile];
    std::fill_n(carry, lines.count, start);
    for (std::int64_t r = 0; r < lines.n; ++r, at += stride)
      for (std::int64_t i = 0; i < lines.count; ++i) step(carry[i], at + i, r);
    done(lines, carry);
  });
}

constexpr auto kNothingMore = [](const Lines&, const double*) {};

}  // namespace

template <class T>
void cumulative_sum(const T* x, const Slices& shape, Direction direction, T* y) {
  scan(
      shape, direction, 0.0,
      [=](double& carry, std::int64_t at, std::int64_t) {
        carry += static_cast<double>(x[at]);
        y[at] = static_cast<T>(carry);
      },
      kNothingMore);
}

template <class T>
void cumulative_product(const T* x, const Slices& shape, T* y) {
  scan(
      shape, Direction::forward, 1.0,
      [=](double& carry, std::int64_t at, std::int64_t) {
        carry *= static_cast<double>(x[at]);
        y[at] = static_cast<T>(carry);
      },
      kNothingMore);
}

template <class T>
void cumulative_product_backward(const T* x, const T* y, const T* dy, const Slices& shape, T* dx) {
  const std::int64_t stride = shape.inner;
  const std::int64_t last = shape.n - 1;
  // The carry is x[k + 1] s[k + 1].
  scan(
      shape, Direction::backward, 0.0,
      [=](double& carry, std::int64_t at, std::int64_t step) {
        const double s = carry + static_cast<double>(dy[at]);
        const double before = step == last ? 1.0 : static_cast<double>(y[at - stride]);
        dx[at] = static_cast<T>(before * s);
        carry = static_cast<double>(x[at]) * s;
      },
      kNothingMore);
}

template <class T>
void linear_recurrence(const T* a, const T* b, const Slices& shape, Direction direction, T* h) {
  scan(
      shape, direction, 0.0,
      [=](double& carry, std::int64_t at, std::int64_t step) {
        const double before = step == 0 ? 0.0 : static_cast<double>(a[at]) * carry;
        carry = before + static_cast<double>(b[at]);
        h[at] = static_cast<T>(carry);
      },
      kNothingMore);
}

template <class T>
void reduce_product(const T* x, const Slices& shape, T* out) {
  scan(
      shape, Direction::forward, 1.0,
      [=](double& carry, std::int64_t at, std::int64_t) { carry *= static_cast<double>(x[at]); },
      [=](const Lines& lines, const double* products) {
        for (std::int64_t i = 0; i < lines.count; ++i) out[lines.slice + i] = static_cast<T>(products[i]);
      });
}

template <class T>
void exclusive_product(const T* x, const Slices& shape, T* y) {
  for_each_tile(shape, [&](const Lines& lines) {
    // Products of what lies before, in double: in float they could overflow where the whole does not.
    thread_local Scratch scratch;
    double* const before = scratch.get<double>(lines.n * lines.count);
    double carry[kTile];
    std::fill_n(carry, lines.count, 1.0);
    for (std::int64_t r = 0; r < lines.n; ++r) {
      const T* row = x + lines.first + r * lines.stride;
      for (std::int64_t i = 0; i < lines.count; ++i) {
        before[r * lines.count + i] = carry[i];
        carry[i] *= static_cast<double>(row[i]);
      }
    }
    std::fill_n(carry, lines.count, 1.0);
    for (std::int64_t r = lines.n - 1; r >= 0; --r) {
      const std::int64_t at = lines.first + r * lines.stride;
      for (std::int64_t i = 0; i < lines.count; ++i) {
        y[at + i] = static_cast<T>(before[r * lines.count + i] * carry[i]);
        carry[i] *= static_cast<double>(x[at + i]);
      }
    }
  });
}

#define TAPEGRAD_SCAN(T)                                                                      \
  template void cumulative_sum(const T*, const Slices&, Direction, T*);                       \
  template void cumulative_product(const T*, const Slices&, T*);                              \
  template void cumulative_product_backward(const T*, const T*, const T*, const Slices&, T*); \
  template void linear_recurrence(const T*, const T*, const Slices&, Direction, T*);          \
  template void reduce_product(const T*, const Slices&, T*);                                  \
  template void exclusive_product(const T*, const Slices&, T*)
TAPEGRAD_SCAN(float);
TAPEGRAD_SCAN(double);
#undef TAPEGRAD_SCAN

}  // namespace tapegrad::kernels
