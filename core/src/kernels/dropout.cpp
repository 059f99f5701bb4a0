#include "kernels/dropout.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/dropout.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.
#include "kernels/random-inl.hpp"

#ifndef TAPEGRAD_KERNELS_DROPOUT_TABLE
#define TAPEGRAD_KERNELS_DROPOUT_TABLE
#include "kernels/parallel.hpp"

namespace tapegrad::kernels {

template <class T>
struct DropoutTable {
  void (*dropout)(const T* x, std::int64_t begin, std::int64_t end, const RandomStream&, std::uint64_t threshold,
                  T scale, T* y);
};

}  // namespace tapegrad::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace tapegrad::kernels::HWY_NAMESPACE {
namespace {

template <class T>
HWY_NOINLINE void dropout(const T* x, std::int64_t begin, std::int64_t end, const RandomStream& stream,
                          std::uint64_t threshold, T scale, T* y) {
  each_block_of_bits(stream, begin, end, [&](std::int64_t i, const std::uint64_t* bits, std::int64_t count) HWY_ATTR {
    for (std::int64_t j = 0; j < count; ++j) y[i + j] = bits[j] >= threshold ? x[i + j] * scale : T(0);
  });
}

TAPEGRAD_KERNEL_TABLE(DropoutTable, dropout<T>)

}  // namespace
}  // namespace tapegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad::kernels {
namespace {

TAPEGRAD_EXPORT_KERNEL_TABLE(DropoutTable)

}  // namespace

template <class T>
void dropout(const T* x, std::int64_t n, const RandomStream& stream, double p, T* y) {
  const auto kernel = table<T>().dropout;
  const std::uint64_t threshold = dropout_threshold(p);
  const T scale = static_cast<T>(1.0 / (1.0 - p));
  constexpr std::int64_t kGrain = 16 * 1024;
  constexpr std::int64_t kStepsPerNumber = 10;
  parallel_for(n, kGrain, n * kStepsPerNumber,
               [&](std::int64_t begin, std::int64_t end) { kernel(x, begin, end, stream, threshold, scale, y); });
}
template void dropout(const float*, std::int64_t, const RandomStream&, double, float*);
template void dropout(const double*, std::int64_t, const RandomStream&, double, double*);

}  // namespace tapegrad::kernels
#endif  // HWY_ONCE
