// The two passes that softmax and what is made of it begin with: a row's largest, and the sum of its exponentials.
//
// Included once per Highway target, like every -inl file.
#if defined(TAPEGRAD_KERNELS_SOFTMAX_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef TAPEGRAD_KERNELS_SOFTMAX_INL
#undef TAPEGRAD_KERNELS_SOFTMAX_INL
#else
#define TAPEGRAD_KERNELS_SOFTMAX_INL
#endif

#include <cmath>
#include <cstdint>
#include <limits>

#include "kernels/rows-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::kernels::HWY_NAMESPACE {

template <class T>
inline constexpr T kInfinity = std::numeric_limits<T>::infinity();

/// The largest of a row; -inf for an empty one. If a row holds NaN: NaN or the largest of the others, but never -inf;
/// the sum of the row's exponentials tells.
template <class T>
HWY_INLINE T row_max(const T* x, std::int64_t n) {
  Vector<T> best[2] = {splat<T>(-kInfinity<T>), splat<T>(-kInfinity<T>)};
  each_vector<T>(n, [&](std::int64_t i, auto lanes, auto k) HWY_ATTR {
    lanes.fetch_ahead(x + i);
    best[k] = hn::Max(lanes.or_else(lanes.load(x + i), -kInfinity<T>), best[k]);
  });
  const T max = hn::GetLane(hn::MaxOfLanes(Tag<T>(), hn::Max(best[0], best[1])));
  if (max != -kInfinity<T>) return max;
  for (std::int64_t i = 0; i < n; ++i)
    if (std::isnan(x[i])) return x[i];
  return max;
}

/// Sum of exp(x - shift) in double; the terms are `stored` in y, or nowhere. shift must be finite and no less than the
/// largest x but for rounding.
template <bool stored, class T>
HWY_INLINE double exponential_sum(const T* x, std::int64_t n, T shift, T* y = nullptr) {
  Wide<T> sum[2] = {wide_zero<T>(), wide_zero<T>()};
  each_vector<T>(n, [&](std::int64_t i, auto lanes, auto k) HWY_ATTR {
    const Vector<T> e = lanes.or_else(exponential<T>(hn::Sub(lanes.load(x + i), splat<T>(shift))), T(0));
    if (stored) {
      lanes.fetch_ahead(y + i);
      lanes.store(e, y + i);
    }
    sum[k] = add(sum[k], widen(e));
  });
  return total(add(sum[0], sum[1]));
}

}  // namespace tapegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
