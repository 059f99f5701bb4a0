// The first lanes of a vector, where a row ends within one: nothing beyond the row is read or written.
//
// Included once per Highway target, like every -inl file.

#if defined(TAPEGRAD_KERNELS_TAILS_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef TAPEGRAD_KERNELS_TAILS_INL_HPP
#undef TAPEGRAD_KERNELS_TAILS_INL_HPP
#else
#define TAPEGRAD_KERNELS_TAILS_INL_HPP
#endif

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored \
    "-Wmaybe-uninitialized"  // g++ 12's own AVX-512 headers: _mm512_undefined_ps() and its like
#endif

#include <hwy/highway.h>

#include <cstddef>

HWY_BEFORE_NAMESPACE();
namespace tapegrad::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Whether masked loads and stores leave the memory of the other lanes alone; else elements go one by one through a
/// buffer. HWY_MEM_OPS_MIGHT_FAULT says less: AVX2's do too, and the address sanitizer reads masks.
inline constexpr bool kMaskedMemory = HWY_TARGET <= HWY_AVX2;  // and all that follow it on x86

/// from[0], ..., from[count - 1], count <= Lanes(d), and zeros in the other lanes.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_first(D d, std::size_t count, const T* from) {
  if constexpr (kMaskedMemory) {
    return hn::MaskedLoad(hn::FirstN(d, count), d, from);
  } else {
    HWY_ALIGN T lanes[hn::MaxLanes(D())] = {};
    for (std::size_t i = 0; i < count; ++i) lanes[i] = from[i];
    return hn::Load(d, lanes);
  }
}

/// Stores the first `count` lanes of v, count <= Lanes(d).
template <class D, class T = hn::TFromD<D>>
HWY_INLINE void store_first(hn::Vec<D> v, D d, std::size_t count, T* to) {
  if constexpr (kMaskedMemory) {
    hn::BlendedStore(v, hn::FirstN(d, count), d, to);
  } else {
    HWY_ALIGN T lanes[hn::MaxLanes(D())];
    hn::Store(v, d, lanes);
    for (std::size_t i = 0; i < count; ++i) to[i] = lanes[i];
  }
}

}  // namespace tapegrad::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
