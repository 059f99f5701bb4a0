#include "kernels/dropout.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/dropout.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.
#include "kernels/random-inl.hpp"

#include "kernels/parallel.hpp"

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
  const std::uint64_t threshold = dropout_threshold(p);
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
