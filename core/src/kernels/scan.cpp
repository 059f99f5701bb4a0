#include "kernels/scan.hpp"

#include <algorithm>

#include "base/ceil_div.hpp"
#include "kernels/parallel.hpp"
#include "kernels/scratch.hpp"
#include "kernels/wrapping.hpp"

namespace tapegrad::kernels {
namespace {

constexpr std::int64_t kLinesTile = 256;  // neighbouring lines that one task walks side by side
constexpr std::int64_t kNarrowTile = 64;  // the same where a tile takes much room
constexpr std::int64_t kChainWork = 20;   // a step waits for the one before: about 2 ns
constexpr std::int64_t kTileWork = 8;     // lines side by side hide each other's waits

/// Where a task's lines lie: `count` of them side by side, `stride` from one step to the next.
struct Lines {
  std::int64_t first;  // element at which the tile begins
  std::int64_t slice;  // its place in an [outer, inner] result
  std::int64_t count;
  std::int64_t stride;
  std::int64_t n;
};

/// Calls body(lines) for tiles of at most `width` lines that together cover the array; each runs on one thread.
template <std::int64_t width = kLinesTile, class Body>
void for_each_tile(const Slices& shape, const Body& body) {
  const std::int64_t tiles = ceil_div(shape.inner, width);
  const std::int64_t tasks = shape.outer * tiles;
  const std::int64_t elements = shape.outer * shape.n * shape.inner;
  const std::int64_t grain = std::max<std::int64_t>(1, tasks / 256);
  parallel_for(tasks, grain, elements * (shape.inner == 1 ? kChainWork : kTileWork),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t task = begin; task < end; ++task) {
                   const std::int64_t o = task / tiles;
                   const std::int64_t i = task % tiles * width;
                   body(Lines{.first = o * shape.n * shape.inner + i,
                              .slice = o * shape.inner + i,
                              .count = std::min(width, shape.inner - i),
                              .stride = shape.inner,
                              .n = shape.n});
                 }
               });
}

/// Walks down a tile with a carry per line, in order of the axis or against it: step(carry, element, how many came
/// before, place among the tile's elements) for each element.
template <class Step>
void walk(const Lines& lines, Direction direction, double* carry, const Step& step) {
  const bool forward = direction == Direction::forward;
  const std::int64_t first = forward ? 0 : lines.n - 1;
  const std::int64_t next = forward ? 1 : -1;
  if (lines.count == 1) {  // the carry stays in a register
    double only = *carry;
    for (std::int64_t r = 0, row = first; r < lines.n; ++r, row += next)
      step(only, lines.first + row * lines.stride, r, row);
    *carry = only;
    return;
  }
  for (std::int64_t r = 0, row = first; r < lines.n; ++r, row += next)
    for (std::int64_t i = 0; i < lines.count; ++i)
      step(carry[i], lines.first + row * lines.stride + i, r, row * lines.count + i);
}

/// Walks down each tile of an array: step(carry, element, how many came before). Carries begin as `start`.
template <class Step>
void scan(const Slices& shape, Direction direction, double start, const Step& step) {
  for_each_tile(shape, [&](const Lines& lines) {
    double carry[kLinesTile];
    std::fill_n(carry, lines.count, start);
    walk(lines, direction, carry, [&](double& c, std::int64_t at, std::int64_t r, std::int64_t) { step(c, at, r); });
  });
}

/// Walks up each tile of x with the products of what lies before, in double: in float they could overflow where the
/// whole does not. step(carry, element, product); carries begin as `start`. A thread keeps room for a tile's products:
/// tiles of long lines are narrow.
template <class T, class Step>
void scan_with_products(const T* x, const Slices& shape, double start, const Step& step) {
  const auto there_and_back = [&](const Lines& lines) {
    thread_local Scratch scratch;
    double* const before = scratch.get<double>(lines.n * lines.count);
    double carry[kLinesTile];
    std::fill_n(carry, lines.count, 1.0);
    walk(lines, Direction::forward, carry, [=](double& c, std::int64_t at, std::int64_t, std::int64_t place) {
      before[place] = c;
      c *= static_cast<double>(x[at]);
    });
    std::fill_n(carry, lines.count, start);
    walk(lines, Direction::backward, carry,
         [&](double& c, std::int64_t at, std::int64_t, std::int64_t place) { step(c, at, before[place]); });
  };
  constexpr std::int64_t kLongLine = 4096;
  shape.n > kLongLine ? for_each_tile<kNarrowTile>(shape, there_and_back) : for_each_tile(shape, there_and_back);
}

}  // namespace

template <class T>
void cumulative_sum(const T* x, const Slices& shape, Direction direction, T* y) {
  scan(shape, direction, 0.0, [=](double& carry, std::int64_t at, std::int64_t) {
    carry += static_cast<double>(x[at]);
    y[at] = static_cast<T>(carry);
  });
}

void cumulative_sum(const std::int64_t* x, const Slices& shape, Direction direction, std::int64_t* y) {
  for_each_tile(shape, [&](const Lines& lines) {
    const std::int64_t next = direction == Direction::forward ? lines.stride : -lines.stride;
    const std::int64_t start = lines.first + (direction == Direction::forward ? 0 : (lines.n - 1) * lines.stride);
    for (std::int64_t r = 0; r < lines.n; ++r)
      for (std::int64_t i = 0; i < lines.count; ++i) {
        const std::int64_t at = start + r * next + i;
        y[at] = r == 0 ? x[at] : wrapping_add(y[at - next], x[at]);
      }
  });
}

template <class T>
void cumulative_product(const T* x, const Slices& shape, T* y) {
  scan(shape, Direction::forward, 1.0, [=](double& carry, std::int64_t at, std::int64_t) {
    carry *= static_cast<double>(x[at]);
    y[at] = static_cast<T>(carry);
  });
}

template <class T>
void cumulative_product_backward(const T* x, const T* dy, const Slices& shape, T* dx) {
  // The carry is x[k + 1] s[k + 1].
  scan_with_products(x, shape, 0.0, [=](double& carry, std::int64_t at, double before) {
    const double s = carry + static_cast<double>(dy[at]);
    dx[at] = static_cast<T>(before * s);
    carry = static_cast<double>(x[at]) * s;
  });
}

template <class T>
void linear_recurrence(const T* a, const T* b, const Slices& shape, Direction direction, T* h) {
  scan(shape, direction, 0.0, [=](double& carry, std::int64_t at, std::int64_t step) {
    const double before = step == 0 ? 0.0 : static_cast<double>(a[at]) * carry;
    carry = before + static_cast<double>(b[at]);
    h[at] = static_cast<T>(carry);
  });
}

// One chain in the order of the axis, as that of cumulative_product, which ends with the same bits: in another order
// other products on the way would overflow, or vanish.
template <class T>
void reduce_product(const T* x, const Slices& shape, T* out) {
  for_each_tile(shape, [&](const Lines& lines) {
    double products[kLinesTile];
    std::fill_n(products, lines.count, 1.0);
    walk(lines, Direction::forward, products,
         [=](double& product, std::int64_t at, std::int64_t, std::int64_t) { product *= static_cast<double>(x[at]); });
    for (std::int64_t i = 0; i < lines.count; ++i) out[lines.slice + i] = static_cast<T>(products[i]);
  });
}

template <class T>
void exclusive_product(const T* x, const Slices& shape, T* y) {
  scan_with_products(x, shape, 1.0, [=](double& carry, std::int64_t at, double before) {
    y[at] = static_cast<T>(before * carry);
    carry *= static_cast<double>(x[at]);
  });
}

template <class T>
void cumulative_extremum(const T* x, const Slices& shape, Extremum which, T* values, std::int64_t* places) {
  // A NaN is neither <= nor >= what stands, and is no more replaced.
  const auto replaces = [which](T value, T standing) {
    return standing == standing && !(which == Extremum::largest ? value <= standing : value >= standing);
  };
  for_each_tile(shape, [&](const Lines& lines) {
    for (std::int64_t r = 0; r < lines.n; ++r)
      for (std::int64_t at = lines.first + r * lines.stride, end = at + lines.count; at < end; ++at) {
        const std::int64_t before = at - lines.stride;
        const bool is_new = r == 0 || replaces(x[at], values[before]);
        values[at] = is_new ? x[at] : values[before];
        places[at] = is_new ? r : places[before];
      }
  });
}

#define TAPEGRAD_SCAN(T)                                                             \
  template void cumulative_sum(const T*, const Slices&, Direction, T*);              \
  template void cumulative_product(const T*, const Slices&, T*);                     \
  template void cumulative_product_backward(const T*, const T*, const Slices&, T*);  \
  template void linear_recurrence(const T*, const T*, const Slices&, Direction, T*); \
  template void reduce_product(const T*, const Slices&, T*);                         \
  template void exclusive_product(const T*, const Slices&, T*)
TAPEGRAD_SCAN(float);
TAPEGRAD_SCAN(double);
#undef TAPEGRAD_SCAN
template void cumulative_extremum(const float*, const Slices&, Extremum, float*, std::int64_t*);
template void cumulative_extremum(const double*, const Slices&, Extremum, double*, std::int64_t*);
template void cumulative_extremum(const std::int64_t*, const Slices&, Extremum, std::int64_t*, std::int64_t*);

}  // namespace tapegrad::kernels
