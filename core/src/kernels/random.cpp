#include "kernels/random.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/random.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.
#include "kernels/random-inl.hpp"

#include "base/box_muller.hpp"
#include "kernels/parallel.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::kernels::HWY_NAMESPACE {
namespace {

void uniform_float(const RandomStream& stream, std::int64_t begin, std::int64_t end, float* y) {
  each_block_of_bits(stream, begin, end, [=](std::int64_t i, const std::uint64_t* bits, std::int64_t count) {
    for (std::int64_t j = 0; j < count; ++j) y[i + j] = static_cast<float>(bits[j] >> 40) * 0x1p-24F;
  });
}
void uniform_double(const RandomStream& stream, std::int64_t begin, std::int64_t end, double* y) {
  each_block_of_bits(stream, begin, end, [=](std::int64_t i, const std::uint64_t* bits, std::int64_t count) {
    for (std::int64_t j = 0; j < count; ++j) y[i + j] = static_cast<double>(bits[j] >> 11) * 0x1p-53;
  });
}

/// A normal number takes both words of a block of its own.
template <class T>
void normal_numbers(const RandomStream& stream, std::int64_t begin, std::int64_t end, T* y) {
  constexpr std::int64_t kBlock = 128;
  HWY_ALIGN std::uint64_t bits[2 * kBlock];
  for (std::int64_t i = begin; i < end; i += kBlock) {
    const std::int64_t count = std::min(kBlock, end - i);
    random_bits(~stream.key, stream.offset + static_cast<std::uint64_t>(i), count, bits);
    for (std::int64_t j = 0; j < count; ++j) y[i + j] = static_cast<T>(box_muller(bits[2 * j], bits[2 * j + 1]));
  }
}
void normal_float(const RandomStream& stream, std::int64_t begin, std::int64_t end, float* y) {
  normal_numbers(stream, begin, end, y);
}
void normal_double(const RandomStream& stream, std::int64_t begin, std::int64_t end, double* y) {
  normal_numbers(stream, begin, end, y);
}

}  // namespace
}  // namespace tapegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad::kernels {
HWY_EXPORT(uniform_float);
HWY_EXPORT(uniform_double);
HWY_EXPORT(normal_float);
HWY_EXPORT(normal_double);

namespace {
constexpr std::int64_t kRandomGrain = 4096;
}

template <class T>
void fill_uniform(const RandomStream& stream, std::int64_t n, T* y) {
  parallel_for(n, kRandomGrain, n * 10, [&](std::int64_t begin, std::int64_t end) {
    if constexpr (sizeof(T) == 4) {
      HWY_DYNAMIC_DISPATCH(uniform_float)(stream, begin, end, y);
    } else {
      HWY_DYNAMIC_DISPATCH(uniform_double)(stream, begin, end, y);
    }
  });
}

template <class T>
void fill_normal(const RandomStream& stream, std::int64_t n, T* y) {
  parallel_for(n, kRandomGrain, n * 200, [&](std::int64_t begin, std::int64_t end) {
    if constexpr (sizeof(T) == 4) {
      HWY_DYNAMIC_DISPATCH(normal_float)(stream, begin, end, y);
    } else {
      HWY_DYNAMIC_DISPATCH(normal_double)(stream, begin, end, y);
    }
  });
}

template void fill_uniform(const RandomStream&, std::int64_t, float*);
template void fill_uniform(const RandomStream&, std::int64_t, double*);
template void fill_normal(const RandomStream&, std::int64_t, float*);
template void fill_normal(const RandomStream&, std::int64_t, double*);

}  // namespace tapegrad::kernels
#endif  // HWY_ONCE
