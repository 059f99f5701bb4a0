#include "kernels/random.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/random.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.
#include "kernels/random-inl.hpp"

#ifndef TAPEGRAD_KERNELS_RANDOM_TABLE
#define TAPEGRAD_KERNELS_RANDOM_TABLE
#include "base/box_muller.hpp"
#include "kernels/parallel.hpp"

namespace tapegrad::kernels {

template <class T>
struct RandomTable {
  void (*uniform)(const RandomStream&, std::int64_t begin, std::int64_t end, T* y);
  void (*normal)(const RandomStream&, std::int64_t begin, std::int64_t end, T* y);
};

}  // namespace tapegrad::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace tapegrad::kernels::HWY_NAMESPACE {
namespace {

float uniform_of(std::uint64_t bits, float) { return static_cast<float>(bits >> 40) * 0x1p-24F; }
double uniform_of(std::uint64_t bits, double) { return static_cast<double>(bits >> 11) * 0x1p-53; }

template <class T>
void uniform_numbers(const RandomStream& stream, std::int64_t begin, std::int64_t end, T* y) {
  each_block_of_bits(stream, begin, end, [=](std::int64_t i, const std::uint64_t* bits, std::int64_t count) {
    for (std::int64_t j = 0; j < count; ++j) y[i + j] = uniform_of(bits[j], T());
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

TAPEGRAD_KERNEL_TABLE(RandomTable, uniform_numbers<T>, normal_numbers<T>)

}  // namespace
}  // namespace tapegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad::kernels {
namespace {

TAPEGRAD_EXPORT_KERNEL_TABLE(RandomTable)

constexpr std::int64_t kRandomGrain = 4096;

}  // namespace

template <class T>
void fill_uniform(const RandomStream& stream, std::int64_t n, T* y) {
  const auto kernel = table<T>().uniform;
  parallel_for(n, kRandomGrain, n * 10, [&](std::int64_t begin, std::int64_t end) { kernel(stream, begin, end, y); });
}

template <class T>
void fill_normal(const RandomStream& stream, std::int64_t n, T* y) {
  const auto kernel = table<T>().normal;
  parallel_for(n, kRandomGrain, n * 200, [&](std::int64_t begin, std::int64_t end) { kernel(stream, begin, end, y); });
}

template void fill_uniform(const RandomStream&, std::int64_t, float*);
template void fill_uniform(const RandomStream&, std::int64_t, double*);
template void fill_normal(const RandomStream&, std::int64_t, float*);
template void fill_normal(const RandomStream&, std::int64_t, double*);

}  // namespace tapegrad::kernels
#endif  // HWY_ONCE
