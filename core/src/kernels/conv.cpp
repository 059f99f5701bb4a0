#include "kernels/conv.hpp"

#include <algorithm>
#include <span>

#include "base/ceil_div.hpp"
#include "kernels/gemm.hpp"
#include "kernels/parallel.hpp"
#include "kernels/scratch.hpp"

namespace tapegrad::kernels {
namespace {

/// Column i of sequence n, at n * per_sequence + i, holds source[n, c, first[j] + i * step] in row (c, j).
struct Windows {
  std::int64_t channels, length;
  std::span<const std::int64_t> first;
  std::int64_t step, per_sequence;

  std::int64_t rows() const { return channels * static_cast<std::int64_t>(first.size()); }
};

struct Columns {
  std::int64_t begin, end;
  std::int64_t size() const { return end - begin; }
};

/// So many columns at a time that their windows stay in a core's cache, but enough for a product to be worth its
/// packing.
constexpr std::int64_t kBlockElements = 128 * 1024;
constexpr std::int64_t kLeastColumns = 64;
constexpr std::int64_t kMostColumns = 1024;

/// Body(Columns) for one block of about `elements` after the other.
template <class Body>
void for_each_block(std::int64_t columns, std::int64_t rows, std::int64_t elements, const Body& body) {
  const std::int64_t fitting = elements / std::max<std::int64_t>(1, rows) / 16 * 16;
  const std::int64_t block = std::clamp(fitting, kLeastColumns, kMostColumns);
  for (std::int64_t begin = 0; begin < columns; begin += block) body(Columns{begin, std::min(columns, begin + block)});
}

/// Body(row) for each of `rows` rows of `columns` elements.
template <class Body>
void for_each_row(std::int64_t rows, std::int64_t columns, const Body& body) {
  parallel_for(rows, rows_per_chunk(columns), 4 * rows * columns, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) body(row);
  });
}

/// Body(sequence, first column within it, first column within the block, count) for each sequence's part of a block.
template <class Body>
void for_each_run(Columns columns, std::int64_t per_sequence, const Body& body) {
  for (std::int64_t at = columns.begin; at < columns.end;) {
    const std::int64_t n = at / per_sequence;
    const std::int64_t stop = std::min(columns.end, (n + 1) * per_sequence);
    body(n, at - n * per_sequence, at - columns.begin, stop - at);
    at = stop;
  }
}

/// How many steps lead from 0 to `end` or beyond it: none where it lies behind.
std::int64_t steps_to(std::int64_t end, std::int64_t step) { return end <= 0 ? 0 : ceil_div(end, step); }

/// matrix[rows, columns]; 0 where a window reaches outside its sequence.
template <class T>
void lay_out(const Windows& w, const T* source, Columns columns, T* matrix) {
  const auto taps = static_cast<std::int64_t>(w.first.size());
  for_each_row(w.rows(), columns.size(), [&](std::int64_t row) {
    const std::int64_t channel = row / taps;
    const std::int64_t first = w.first[static_cast<std::size_t>(row % taps)];
    const std::int64_t inside = steps_to(-first, w.step);             // the first column that is
    const std::int64_t outside = steps_to(w.length - first, w.step);  // the first one behind
    T* out = matrix + row * columns.size();
    for_each_run(columns, w.per_sequence, [&](std::int64_t n, std::int64_t i, std::int64_t at, std::int64_t count) {
      const std::int64_t from = std::clamp(inside - i, std::int64_t{0}, count);
      const std::int64_t to = std::clamp(outside - i, from, count);
      const T* in = source + (n * w.channels + channel) * w.length;
      std::fill_n(out + at, from, T(0));
      if (w.step == 1) {
        std::copy_n(in + (from < to ? first + i + from : 0), to - from, out + at + from);
      } else {
        for (std::int64_t j = from; j < to; ++j) out[at + j] = in[first + (i + j) * w.step];
      }
      std::fill_n(out + at + to, count - to, T(0));
    });
  });
}

/// Where a block of results goes: target[n, c, first + i * step].
struct Places {
  std::int64_t channels, length, first, step, per_sequence;
};

template <class T>
void put(const Places& p, const T* matrix, Columns columns, const T* bias, T* target, bool accumulate) {
  for_each_row(p.channels, columns.size(), [&](std::int64_t channel) {
    const T* in = matrix + channel * columns.size();
    const T shift = bias ? bias[channel] : T(0);
    for_each_run(columns, p.per_sequence, [&](std::int64_t n, std::int64_t i, std::int64_t at, std::int64_t count) {
      T* out = target + (n * p.channels + channel) * p.length + p.first + i * p.step;
      if (accumulate) {
        for (std::int64_t j = 0; j < count; ++j) out[j * p.step] += in[at + j] + shift;
      } else {
        for (std::int64_t j = 0; j < count; ++j) out[j * p.step] = in[at + j] + shift;
      }
    });
  });
}

/// The products of the groups, whose operands lie `a`, `b` and `c` elements apart.
std::span<const BatchOffset> group_offsets(std::int64_t groups, std::int64_t a, std::int64_t b, std::int64_t c) {
  static thread_local Scratch scratch;
  auto* offsets = scratch.get<BatchOffset>(groups);
  for (std::int64_t i = 0; i < groups; ++i) offsets[i] = {i * a, i * b, i * c};
  return {offsets, static_cast<std::size_t>(groups)};
}

/// Where the taps begin in x for step 0.
std::int64_t* tap_offsets(const Convolution& c, Scratch& scratch) {
  auto* first = scratch.get<std::int64_t>(c.taps);
  for (std::int64_t k = 0; k < c.taps; ++k) first[k] = k * c.dilation - c.before;
  return first;
}

}  // namespace

template <class T>
void convolve(const Convolution& c, const T* x, const T* w, const T* bias, T* y) {
  static thread_local Scratch offsets;
  static thread_local Scratch scratch;
  const std::int64_t inner = c.in * c.taps;
  const Windows windows{
      c.groups * c.in, c.length, {tap_offsets(c, offsets), static_cast<std::size_t>(c.taps)}, c.stride, c.steps};
  const Places places{c.groups * c.out, c.steps, 0, 1, c.steps};
  for_each_block(c.sequences * c.steps, windows.rows(), kBlockElements, [&](Columns columns) {
    const std::int64_t n = columns.size();
    T* matrix = scratch.get<T>((windows.rows() + places.channels) * n);
    T* result = matrix + windows.rows() * n;
    lay_out(windows, x, columns, matrix);
    gemm_batched<T>(group_offsets(c.groups, c.out * inner, inner * n, c.out * n), c.out, n, inner, {w, inner, 1},
                    {matrix, n, 1}, {result, n, 1});
    put(places, result, columns, bias, y, false);
  });
}

template <class T>
void convolve_adjoint(const Convolution& c, const T* g, const T* w, const T* bias, T* x, bool accumulate) {
  static thread_local Scratch offsets;
  static thread_local Scratch weights;
  static thread_local Scratch scratch;
  auto* const first = offsets.get<std::int64_t>(2 * c.taps);
  std::int64_t* const taps = first + c.taps;
  for (std::int64_t phase = 0; phase < std::min(c.stride, c.length); ++phase) {
    // x[phase + i stride] meets g[t] through tap k where t stride + k dilation - before is its place.
    std::int64_t count = 0;
    for (std::int64_t k = 0; k < c.taps; ++k) {
      const std::int64_t place = phase + c.before - k * c.dilation;
      if (place % c.stride != 0) continue;
      first[count] = place / c.stride;
      taps[count++] = k;
    }
    const std::int64_t inner = c.out * count;
    // packed[group, (o, tap), in]
    T* const packed = weights.get<T>(c.groups * inner * c.in);
    for_each_row(c.groups * c.out, count * c.in, [&](std::int64_t o) {
      for (std::int64_t j = 0; j < count; ++j)
        for (std::int64_t i = 0; i < c.in; ++i)
          packed[(o * count + j) * c.in + i] = w[(o * c.in + i) * c.taps + taps[j]];
    });
    const std::int64_t per_sequence = steps_to(c.length - phase, c.stride);
    const Windows windows{c.groups * c.out, c.steps, {first, static_cast<std::size_t>(count)}, 1, per_sequence};
    const Places places{c.groups * c.in, c.length, phase, c.stride, per_sequence};
    for_each_block(c.sequences * per_sequence, windows.rows(), kBlockElements, [&](Columns columns) {
      const std::int64_t n = columns.size();
      T* matrix = scratch.get<T>((windows.rows() + places.channels) * n);
      T* result = matrix + windows.rows() * n;
      lay_out(windows, g, columns, matrix);
      gemm_batched<T>(group_offsets(c.groups, inner * c.in, inner * n, c.in * n), c.in, n, inner, {packed, 1, c.in},
                      {matrix, n, 1}, {result, n, 1});
      put(places, result, columns, bias, x, accumulate);
    });
  }
}

template <class T>
void correlate(const Convolution& c, const T* x, const T* g, T* w, bool accumulate) {
  static thread_local Scratch offsets;
  static thread_local Scratch scratch;
  const std::int64_t inner = c.in * c.taps;
  const std::int64_t start = 0;
  const Windows windows{
      c.groups * c.in, c.length, {tap_offsets(c, offsets), static_cast<std::size_t>(c.taps)}, c.stride, c.steps};
  const Windows steps{c.groups * c.out, c.steps, {&start, 1}, 1, c.steps};
  const std::int64_t weights = c.groups * c.out * inner;
  const std::int64_t chain = c.sequences * c.steps;
  // As a matrix product: long float chains are cut, here between blocks, and their pieces added in double.
  constexpr std::int64_t kPiece = kLongestChain / 2;
  static_assert(kPiece + kMostColumns <= kLongestChain);
  const bool in_pieces = is_cut<T>(chain);
  static thread_local Scratch pieces;
  static thread_local Scratch sums;
  T* const target = in_pieces ? pieces.get<T>(weights) : w;
  double* const sum = in_pieces ? sums.get<double>(weights) : nullptr;
  if (!accumulate) std::fill_n(w, weights, T(0));
  if (in_pieces) std::copy_n(w, weights, sum);
  std::int64_t held = 0;  // steps of the piece that `target` holds
  // A block's product reads and writes all of dw: fewer and larger ones, though no near cache holds them.
  for_each_block(chain, windows.rows(), 4 * kBlockElements, [&](Columns columns) {
    const std::int64_t n = columns.size();
    T* matrix = scratch.get<T>((windows.rows() + steps.rows()) * n);
    T* cotangents = matrix + windows.rows() * n;
    lay_out(windows, x, columns, matrix);
    lay_out(steps, g, columns, cotangents);
    gemm_batched<T>(group_offsets(c.groups, c.out * n, inner * n, c.out * inner), c.out, inner, n, {cotangents, n, 1},
                    {matrix, 1, n}, {target, inner, 1}, {.accumulate = !in_pieces || held > 0});
    held += n;
    const bool last = columns.end == chain;
    if (!in_pieces || (held < kPiece && !last)) return;
    held = 0;
    parallel_for(weights, kChunkElements, 2 * weights, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) sum[i] += static_cast<double>(target[i]);
      if (last) std::transform(sum + begin, sum + end, w + begin, [](double total) { return static_cast<T>(total); });
    });
  });
}

#define TAPEGRAD_CONVOLUTION(T)                                                               \
  template void convolve(const Convolution&, const T*, const T*, const T*, T*);               \
  template void convolve_adjoint(const Convolution&, const T*, const T*, const T*, T*, bool); \
  template void correlate(const Convolution&, const T*, const T*, T*, bool)
TAPEGRAD_CONVOLUTION(float);
TAPEGRAD_CONVOLUTION(double);
#undef TAPEGRAD_CONVOLUTION

}  // namespace tapegrad::kernels
