// The numbers of a random stream, vectors at a time: the bits of RandomStream, on every instruction set.
//
// Included once per Highway target, like every -inl file.
#if defined(TAPEGRAD_KERNELS_RANDOM_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef TAPEGRAD_KERNELS_RANDOM_INL_HPP
#undef TAPEGRAD_KERNELS_RANDOM_INL_HPP
#else
#define TAPEGRAD_KERNELS_RANDOM_INL_HPP
#endif

#include <algorithm>
#include <cstdint>

#include "base/philox.hpp"
#include "kernels/rows-inl.hpp"
#include "tapegrad/base/random.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::kernels::HWY_NAMESPACE {

/// RandomStream::bits of both numbers of `count` Philox blocks from `first` on, in order. REQUIRES: room for a whole
/// number of vectors.
HWY_INLINE void random_bits(std::uint64_t key, std::uint64_t first, std::int64_t count, std::uint64_t* bits) {
  using Words = Vector<std::uint64_t>;  // a 32-bit word in each 64-bit lane
  const Tag<std::uint64_t> d;
  const Words low_half = hn::Set(d, 0xFFFFFFFF);
  const auto product = [&](Words a, std::uint32_t b) HWY_ATTR {
#if HWY_TARGET == HWY_SCALAR  // has no lanes of half the width
    return hn::Set(d, hn::GetLane(a) * b);
#else
    const hn::Repartition<std::uint32_t, Tag<std::uint64_t> > halves;
    return hn::MulEven(hn::BitCast(halves, a), hn::Set(halves, b));
#endif
  };
  for (std::int64_t i = 0; i < count; i += lane_count<std::uint64_t>()) {
    const Words counter = hn::Iota(d, first + static_cast<std::uint64_t>(i));
    Words c0 = hn::And(counter, low_half);
    Words c1 = hn::ShiftRight<32>(counter);
    Words c2 = hn::Zero(d);
    Words c3 = hn::Zero(d);
    std::uint32_t k0 = static_cast<std::uint32_t>(key);
    std::uint32_t k1 = static_cast<std::uint32_t>(key >> 32);
    for (int round = 0; round < philox4x32::kRounds; ++round) {
      const Words p0 = product(c0, philox4x32::kMultiplier0);
      const Words p1 = product(c2, philox4x32::kMultiplier1);
      c0 = hn::Xor(hn::Xor(hn::ShiftRight<32>(p1), c1), hn::Set(d, std::uint64_t{k0}));
      c1 = hn::And(p1, low_half);
      c2 = hn::Xor(hn::Xor(hn::ShiftRight<32>(p0), c3), hn::Set(d, std::uint64_t{k1}));
      c3 = hn::And(p0, low_half);
      k0 += philox4x32::kWeyl0;
      k1 += philox4x32::kWeyl1;
    }
    hn::StoreInterleaved2(hn::Or(hn::ShiftLeft<32>(c1), c0), hn::Or(hn::ShiftLeft<32>(c3), c2), d, bits + 2 * i);
  }
}

/// Calls f(i, bits, count) for blocks of the stream's numbers [begin, end): number i + j has bits[j]. Blocks are small
/// enough for the first-level cache.
template <class F>
HWY_INLINE void each_block_of_bits(const RandomStream& stream, std::int64_t begin, std::int64_t end, const F& f) {
  constexpr std::int64_t kBlock = 256;
  HWY_ALIGN std::uint64_t bits[kBlock + 2 + 2 * hn::MaxLanes(Tag<std::uint64_t>())];
  for (std::int64_t i = begin; i < end; i += kBlock) {
    const std::int64_t count = std::min(kBlock, end - i);
    const std::uint64_t number = stream.offset + static_cast<std::uint64_t>(i);
    random_bits(stream.key, number / 2, count / 2 + 1, bits);
    f(i, bits + number % 2, count);
  }
}

}  // namespace tapegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // TAPEGRAD_KERNELS_RANDOM_INL_HPP
