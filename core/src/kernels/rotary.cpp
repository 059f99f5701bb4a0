#include "kernels/rotary.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/rotary.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.
#include "kernels/rows-inl.hpp"

#ifndef TAPEGRAD_KERNELS_ROTARY_TABLE
#define TAPEGRAD_KERNELS_ROTARY_TABLE
#include <algorithm>

#include "kernels/parallel.hpp"

namespace tapegrad::kernels {

template <class T>
struct RotaryTable {
  /// The rows [begin, end) of [batch, heads, length].
  void (*rotate)(const Rotation<T>&, const Heads<const T>& x, const Heads<T>& y, std::int64_t begin, std::int64_t end);
};

}  // namespace tapegrad::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace tapegrad::kernels::HWY_NAMESPACE {
namespace {

/// One position's cosines and sines, and its row.
template <class T>
struct RotaryRow {
  const T* cosines;
  const T* sines;
  const T* x;
  T* y;
};

template <class T>
HWY_INLINE void turn_neighbours(const RotaryRow<T>& r, std::int64_t width) {
#if HWY_TARGET == HWY_SCALAR  // a vector is one lane, without a neighbour
  for (std::int64_t c = 0; c < width; ++c) {
    const Vector<T> partner = hn::Mul(splat(r.sines[c]), splat(r.x[c % 2 == 0 ? c + 1 : c - 1]));
    hn::StoreU(hn::MulAdd(splat(r.cosines[c]), splat(r.x[c]), partner), Tag<T>(), r.y + c);
  }
#else
  each_vector<T>(width, [&](std::int64_t c, auto lanes, auto) HWY_ATTR {
    const Vector<T> x = lanes.load(r.x + c);
    const Vector<T> partner = hn::Mul(lanes.load(r.sines + c), hn::Reverse2(Tag<T>(), x));
    lanes.store(hn::MulAdd(lanes.load(r.cosines + c), x, partner), r.y + c);
  });
#endif
}

/// The half of a row that begins at `own`, whose partners begin at `other`.
template <class T>
HWY_INLINE void turn_half(const RotaryRow<T>& r, std::int64_t width, std::int64_t own, std::int64_t other) {
  each_vector<T>(width / 2, [&](std::int64_t c, auto lanes, auto) HWY_ATTR {
    const Vector<T> partner = hn::Mul(lanes.load(r.sines + own + c), lanes.load(r.x + other + c));
    lanes.store(hn::MulAdd(lanes.load(r.cosines + own + c), lanes.load(r.x + own + c), partner), r.y + own + c);
  });
}

template <class T>
HWY_NOINLINE void rotate_rows(const Rotation<T>& f, const Heads<const T>& x, const Heads<T>& y, std::int64_t begin,
                              std::int64_t end) {
  std::int64_t position = begin % f.length;
  for (std::int64_t head = begin / f.length; begin < end; ++head, position = 0) {
    const std::int64_t last = std::min(f.length, position + end - begin);
    begin += last - position;
    const T* from = x.at(head / f.heads, head % f.heads);
    T* const to = y.at(head / f.heads, head % f.heads);
    for (; position < last; ++position) {
      const RotaryRow<T> row = {f.cosines + position * f.width, f.sines + position * f.width,
                                from + position * x.strides.position, to + position * y.strides.position};
      if (f.halves) {
        turn_half(row, f.width, 0, f.width / 2);
        turn_half(row, f.width, f.width / 2, 0);
      } else {
        turn_neighbours(row, f.width);
      }
    }
  }
}

TAPEGRAD_KERNEL_TABLE(RotaryTable, rotate_rows<T>)

}  // namespace
}  // namespace tapegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad::kernels {
namespace {

TAPEGRAD_EXPORT_KERNEL_TABLE(RotaryTable)

}  // namespace

template <class T>
void rotate(const Rotation<T>& facts, const Heads<const T>& x, const Heads<T>& y) {
  const auto kernel = table<T>().rotate;
  const std::int64_t rows = facts.batch * facts.heads * facts.length;
  constexpr std::int64_t kStepsPerNumber = 5;
  parallel_for(rows, rows_per_chunk(facts.width, 2 * kChunkElements), rows * facts.width * kStepsPerNumber,
               [&](std::int64_t begin, std::int64_t end) { kernel(facts, x, y, begin, end); });
}
template void rotate(const Rotation<float>&, const Heads<const float>&, const Heads<float>&);
template void rotate(const Rotation<double>&, const Heads<const double>&, const Heads<double>&);

}  // namespace tapegrad::kernels
#endif  // HWY_ONCE
