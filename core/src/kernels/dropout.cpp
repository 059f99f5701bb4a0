#include "kernels/dropout.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/dropout.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.
#include "kernels/rows-inl.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/parallel.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::kernels::HWY_NAMESPACE {
namespace {

using Words = Vector<std::uint64_t>;  // a 32-bit word in each 64-bit lane

/// RandomStream::bits of both numbers of `count` Philox blocks from `first` on, in order. REQUIRES: room for a whole
/// number of vectors.
HWY_INLINE void random_bits(std::uint64_t key, std::uint64_t first, std::int64_t count, std::uint64_t* bits) {
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
  const std::int64_t step = lane_count<std::uint64_t>();
  for (std::int64_t i = 0; i < count; i += step) {
    const Words counter = hn::Iota(d, first + static_cast<std::uint64_t>(i));
    Words c0 = hn::And(counter, low_half);
    Words c1 = hn::ShiftRight<32>(counter);
    Words c2 = hn::Zero(d);
    Words c3 = hn::Zero(d);
    std::uint32_t k0 = static_cast<std::uint32_t>(key);
    std::uint32_t k1 = static_cast<std::uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round) {
      const Words p0 = product(c0, 0xD2511F53);
      const Words p1 = product(c2, 0xCD9E8D57);
      c0 = hn::Xor(hn::Xor(hn::ShiftRight<32>(p1), c1), hn::Set(d, std::uint64_t{k0}));
      c1 = hn::And(p1, low_half);
      c2 = hn::Xor(hn::Xor(hn::ShiftRight<32>(p0), c3), hn::Set(d, std::uint64_t{k1}));
      c3 = hn::And(p0, low_half);
      k0 += 0x9E3779B9;
      k1 += 0xBB67AE85;
    }
    hn::StoreInterleaved2(hn::Or(hn::ShiftLeft<32>(c1), c0), hn::Or(hn::ShiftLeft<32>(c3), c2), d, bits + 2 * i);
  }
}

/// How many numbers are drawn at a time: in the first-level cache.
constexpr std::int64_t kBlock = 256;

template <class T>
HWY_NOINLINE void dropout(const T* x, std::int64_t begin, std::int64_t end, const RandomStream& stream,
                          std::uint64_t threshold, T scale, T* y) {
  HWY_ALIGN std::uint64_t bits[kBlock + 2 + 2 * 8];
  for (std::int64_t i = begin; i < end; i += kBlock) {
    const std::int64_t count = std::min(kBlock, end - i);
    const std::uint64_t number = stream.offset + static_cast<std::uint64_t>(i);
    random_bits(stream.key, number / 2, count / 2 + 1, bits);
    const std::uint64_t* own = bits + number % 2;
    for (std::int64_t j = 0; j < count; ++j) y[i + j] = own[j] >= threshold ? x[i + j] * scale : T(0);
  }
}

void dropout_float(const float* x, std::int64_t begin, std::int64_t end, const RandomStream& stream,
                   std::uint64_t threshold, float scale, float* y) {
  dropout(x, begin, end, stream, threshold, scale, y);
}
void dropout_double(const double* x, std::int64_t begin, std::int64_t end, const RandomStream& stream,
                    std::uint64_t threshold, double scale, double* y) {
  dropout(x, begin, end, stream, threshold, scale, y);
}

}  // namespace
}  // namespace tapegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad::kernels {
HWY_EXPORT(dropout_float);
HWY_EXPORT(dropout_double);

template <class T>
void dropout(const T* x, std::int64_t n, const RandomStream& stream, double p, T* y) {
  // uniform64 = floor(bits / 2^11) / 2^53, so that uniform64 >= p is a comparison of integers.
  const std::uint64_t threshold = static_cast<std::uint64_t>(std::ceil(std::ldexp(p, 53))) << 11;
  const T scale = static_cast<T>(1.0 / (1.0 - p));
  constexpr std::int64_t kGrain = 16 * 1024;
  constexpr std::int64_t kStepsPerNumber = 10;
  parallel_for(n, kGrain, n * kStepsPerNumber, [&](std::int64_t begin, std::int64_t end) {
    if constexpr (sizeof(T) == 4) {
      HWY_DYNAMIC_DISPATCH(dropout_float)(x, begin, end, stream, threshold, scale, y);
    } else {
      HWY_DYNAMIC_DISPATCH(dropout_double)(x, begin, end, stream, threshold, scale, y);
    }
  });
}
template void dropout(const float*, std::int64_t, const RandomStream&, double, float*);
template void dropout(const double*, std::int64_t, const RandomStream&, double, double*);

}  // namespace tapegrad::kernels
#endif  // HWY_ONCE
