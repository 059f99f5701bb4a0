// Panels: matrices copied into rows of whole vectors, so that a kernel reads them in order. A transpose is one, too.
//
// Included once per Highway target, like every -inl file.

#if defined(TAPEGRAD_KERNELS_PACK_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef TAPEGRAD_KERNELS_PACK_INL_HPP
#undef TAPEGRAD_KERNELS_PACK_INL_HPP
#else
#define TAPEGRAD_KERNELS_PACK_INL_HPP
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>

#include "kernels/tails-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET != HWY_SCALAR
/// The vector whose 128-bit block b is read from columns[b * block][0 ...].
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_blocks(D d, const T* const* columns, std::int64_t offset) {
  constexpr std::size_t kLanes = hn::MaxLanes(D());
  if constexpr (kLanes * sizeof(T) == 16) {
    return hn::LoadU(d, columns[0] + offset);
  } else {
    const hn::Half<D> half;
    return hn::Combine(d, load_blocks(half, columns + kLanes / 2, offset), load_blocks(half, columns, offset));
  }
}

/// Transposes one 128-bit block of depth of Lanes(d) columns, each contiguous: to[p * width + j] = columns[j][offset +
/// p].
template <class D, class T = hn::TFromD<D>>
HWY_INLINE void transpose_block(D d, const T* const* columns, std::int64_t offset, std::int64_t width,
                                T* HWY_RESTRICT to) {
  // Vector r's block b holds column b * block + r, so transposing within the blocks puts every column into its place.
  if constexpr (sizeof(T) == 4) {
    const hn::RepartitionToWide<D> pairs;
    const auto v0 = load_blocks(d, columns, offset), v1 = load_blocks(d, columns + 1, offset);
    const auto v2 = load_blocks(d, columns + 2, offset), v3 = load_blocks(d, columns + 3, offset);
    const auto low01 = hn::BitCast(pairs, hn::InterleaveLower(d, v0, v1));
    const auto low23 = hn::BitCast(pairs, hn::InterleaveLower(d, v2, v3));
    const auto high01 = hn::BitCast(pairs, hn::InterleaveUpper(d, v0, v1));
    const auto high23 = hn::BitCast(pairs, hn::InterleaveUpper(d, v2, v3));
    hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, low01, low23)), d, to);
    hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, low01, low23)), d, to + width);
    hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, high01, high23)), d, to + 2 * width);
    hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, high01, high23)), d, to + 3 * width);
  } else {
    const auto v0 = load_blocks(d, columns, offset), v1 = load_blocks(d, columns + 1, offset);
    hn::StoreU(hn::InterleaveLower(d, v0, v1), d, to);
    hn::StoreU(hn::InterleaveUpper(d, v0, v1), d, to + width);
  }
}
#endif

/// Copies `count` elements into a row of a panel, whole vectors of `d`, the last filled up with zeros.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE void copy_row(D d, std::int64_t count, const T* HWY_RESTRICT from, T* HWY_RESTRICT to) {
  constexpr auto kLanes = static_cast<std::int64_t>(hn::MaxLanes(D()));
  std::int64_t j = 0;
  for (; j + kLanes <= count; j += kLanes) hn::StoreU(hn::LoadU(d, from + j), d, to + j);
  if (j < count)
    hn::StoreU(tapegrad::HWY_NAMESPACE::load_first(d, static_cast<std::size_t>(count - j), from + j), d, to + j);
}

/// Writes a panel out[depth][width], width a multiple of Lanes(d), from elements (p, j) at from[p * depth_stride + j *
/// stride], j < count. Columns from `count` on hold zeros or copies of valid columns; their results are dropped.
template <class D, class T = hn::TFromD<D>>
void pack_panel(D d, std::int64_t depth, std::int64_t count, std::int64_t width, const T* HWY_RESTRICT from,
                std::int64_t depth_stride, std::int64_t stride, T* HWY_RESTRICT out) {
  if (stride == 1) {
    for (std::int64_t p = 0; p < depth; ++p) copy_row(d, count, from + p * depth_stride, out + p * width);
    return;
  }
#if HWY_TARGET != HWY_SCALAR
  constexpr auto kLanes = static_cast<std::int64_t>(hn::MaxLanes(D()));
  constexpr auto kBlock = static_cast<std::int64_t>(16 / sizeof(T));
  if (depth_stride == 1 && depth >= kBlock) {
    for (std::int64_t begin = 0; begin < width; begin += kLanes) {
      const T* columns[kLanes];
      for (std::int64_t j = 0; j < kLanes; ++j) columns[j] = from + std::min(begin + j, count - 1) * stride;
      for (std::int64_t p = 0; p < depth; p += kBlock) {
        const std::int64_t offset = std::min(p, depth - kBlock);  // the last block may overlap the one before
        transpose_block(d, columns, offset, width, out + offset * width + begin);
      }
    }
    return;
  }
#endif
  for (std::int64_t p = 0; p < depth; ++p)
    for (std::int64_t j = 0; j < width; ++j)
      out[p * width + j] = j < count ? from[p * depth_stride + j * stride] : T{0};
}

}  // namespace tapegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
