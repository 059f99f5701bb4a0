#include "kernels/softmax.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/softmax.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.
#include "kernels/softmax-inl.hpp"

#ifndef TAPEGRAD_KERNELS_SOFTMAX_TABLE
#define TAPEGRAD_KERNELS_SOFTMAX_TABLE
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/row_range.hpp"

namespace tapegrad::kernels {

/// The rows [begin, end) of each function of the header.
template <class T>
struct SoftmaxTable {
  void (*forward)(const T* x, std::int64_t begin, std::int64_t end, std::int64_t n, const RowMask&, T* y);
  void (*backward)(const T* y, const T* dy, std::int64_t begin, std::int64_t end, std::int64_t n, T* dx);
  void (*log_forward)(const T* x, std::int64_t begin, std::int64_t end, std::int64_t n, const RowMask&, T* y);
  void (*log_backward)(const T* y, const T* dy, std::int64_t begin, std::int64_t end, std::int64_t n, T* dx);
};

}  // namespace tapegrad::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace tapegrad::kernels::HWY_NAMESPACE {
namespace {

/// The row itself, or a copy in y with -inf where the mask says no.
template <class T>
HWY_INLINE const T* masked_row(const T* x, std::int64_t n, const bool* keep, T* y) {
  if (!keep) return x;
  for (std::int64_t i = 0; i < n; ++i) y[i] = keep[i] ? x[i] : -kInfinity<T>;
  return y;
}

template <class T>
HWY_NOINLINE void forward(const T* x, std::int64_t begin, std::int64_t end, std::int64_t n, const RowMask& mask, T* y) {
  for (std::int64_t r = begin; r < end; ++r) {
    T* out = y + r * n;
    const T* in = masked_row(x + r * n, n, mask.row(r), out);
    const T max = row_max(in, n);
    if (!std::isfinite(max)) {
      std::fill_n(out, n, max == -kInfinity<T> ? T(0) : std::numeric_limits<T>::quiet_NaN());
      continue;
    }
    const double sum = exponential_sum<true>(in, n, max, out);
    scale_row(out, n, static_cast<T>(1 / sum));
  }
}

/// `v` where the probability p is not 0.
template <bool guarded, class T>
HWY_INLINE Vector<T> unless_hidden(Vector<T> p, Vector<T> v) {
  return guarded ? hn::IfThenZeroElse(hn::Eq(p, splat<T>(0)), v) : v;
}

template <bool guarded, class T>
HWY_INLINE T mean_cotangent(const T* p, const T* g, std::int64_t n) {
  Wide<T> dot[2] = {wide_zero<T>(), wide_zero<T>()};
  each_vector<T>(n, [&](std::int64_t i, auto lanes, auto k) HWY_ATTR {
    lanes.fetch_ahead(p + i);
    lanes.fetch_ahead(g + i);
    const Vector<T> v = lanes.load(p + i);
    dot[k] = multiply_add(widen(v), widen(unless_hidden<guarded, T>(v, lanes.load(g + i))), dot[k]);
  });
  return static_cast<T>(total(add(dot[0], dot[1])));
}

template <bool guarded, class T>
HWY_INLINE void cotangents_of_row(const T* p, const T* g, T mean, std::int64_t n, T* out) {
  each_vector<T>(n, [&](std::int64_t i, auto lanes, auto) HWY_ATTR {
    lanes.fetch_ahead(out + i);
    const Vector<T> v = lanes.load(p + i);
    const Vector<T> d = hn::Mul(v, hn::Sub(lanes.load(g + i), splat<T>(mean)));
    lanes.store(unless_hidden<guarded, T>(v, d), out + i);
  });
}

/// Below this a mean is finite, so that every p g was, and no g - mean overflows: at p = 0 all products are 0 as they
/// are.
template <class T>
inline constexpr T kTame = std::numeric_limits<T>::max() * std::numeric_limits<T>::epsilon() / 4;

template <class T>
HWY_NOINLINE void backward(const T* y, const T* dy, std::int64_t begin, std::int64_t end, std::int64_t n, T* dx) {
  for (std::int64_t r = begin; r < end; ++r) {
    const T* p = y + r * n;
    const T* g = dy + r * n;
    T* out = dx + r * n;
    const T mean = mean_cotangent<false>(p, g, n);
    if (std::abs(mean) < kTame<T>) {
      cotangents_of_row<false>(p, g, mean, n, out);
    } else {
      cotangents_of_row<true>(p, g, mean_cotangent<true>(p, g, n), n, out);
    }
  }
}

template <class T>
HWY_NOINLINE void log_forward(const T* x, std::int64_t begin, std::int64_t end, std::int64_t n, const RowMask& mask,
                              T* y) {
  for (std::int64_t r = begin; r < end; ++r) {
    T* out = y + r * n;
    const T* in = masked_row(x + r * n, n, mask.row(r), out);
    const T max = row_max(in, n);
    if (!std::isfinite(max)) {
      std::fill_n(out, n, max == -kInfinity<T> ? max : std::numeric_limits<T>::quiet_NaN());
      continue;
    }
    const Vector<T> log_sum = splat<T>(static_cast<T>(std::log(exponential_sum<false>(in, n, max))));
    each_vector<T>(n, [&](std::int64_t i, auto lanes, auto) HWY_ATTR {
      lanes.fetch_ahead(out + i);
      lanes.store(hn::Sub(hn::Sub(lanes.load(in + i), splat<T>(max)), log_sum), out + i);
    });
  }
}

template <class T>
HWY_NOINLINE void log_backward(const T* y, const T* dy, std::int64_t begin, std::int64_t end, std::int64_t n, T* dx) {
  const Vector<T> excluded = splat<T>(-kInfinity<T>);
  for (std::int64_t r = begin; r < end; ++r) {
    const T* log_p = y + r * n;
    const T* g = dy + r * n;
    T* out = dx + r * n;
    Wide<T> sum[2] = {wide_zero<T>(), wide_zero<T>()};
    each_vector<T>(n, [&](std::int64_t i, auto lanes, auto k) HWY_ATTR {
      lanes.fetch_ahead(log_p + i);
      lanes.fetch_ahead(g + i);
      const Vector<T> v = lanes.load(log_p + i);
      sum[k] = add(sum[k], widen(hn::IfThenZeroElse(hn::Eq(v, excluded), lanes.load(g + i))));
    });
    const Vector<T> all = splat<T>(static_cast<T>(total(add(sum[0], sum[1]))));
    each_vector<T>(n, [&](std::int64_t i, auto lanes, auto) HWY_ATTR {
      lanes.fetch_ahead(out + i);
      const Vector<T> v = lanes.load(log_p + i);
      const Vector<T> d = hn::NegMulAdd(exponential<T>(v), all, lanes.load(g + i));
      lanes.store(hn::IfThenZeroElse(hn::Eq(v, excluded), d), out + i);
    });
  }
}

TAPEGRAD_KERNEL_TABLE(SoftmaxTable, forward<T>, backward<T>, log_forward<T>, log_backward<T>)

}  // namespace
}  // namespace tapegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad::kernels {
namespace {

TAPEGRAD_EXPORT_KERNEL_TABLE(SoftmaxTable)

}  // namespace

template <class T>
void softmax_forward(const T* x, std::int64_t rows, std::int64_t n, const RowMask& mask, T* y) {
  const auto kernel = table<T>().forward;
  for_rows(rows, n, 8, [&](std::int64_t begin, std::int64_t end) { kernel(x, begin, end, n, mask, y); });
}

template <class T>
void softmax_backward(const T* y, const T* dy, std::int64_t rows, std::int64_t n, T* dx) {
  const auto kernel = table<T>().backward;
  for_rows(rows, n, 2, [&](std::int64_t begin, std::int64_t end) { kernel(y, dy, begin, end, n, dx); });
}

template <class T>
void log_softmax_forward(const T* x, std::int64_t rows, std::int64_t n, const RowMask& mask, T* y) {
  const auto kernel = table<T>().log_forward;
  for_rows(rows, n, 8, [&](std::int64_t begin, std::int64_t end) { kernel(x, begin, end, n, mask, y); });
}

template <class T>
void log_softmax_backward(const T* y, const T* dy, std::int64_t rows, std::int64_t n, T* dx) {
  const auto kernel = table<T>().log_backward;
  for_rows(rows, n, 8, [&](std::int64_t begin, std::int64_t end) { kernel(y, dy, begin, end, n, dx); });
}

#define TAPEGRAD_SOFTMAX(T)                                                                    \
  template void softmax_forward(const T*, std::int64_t, std::int64_t, const RowMask&, T*);     \
  template void softmax_backward(const T*, const T*, std::int64_t, std::int64_t, T*);          \
  template void log_softmax_forward(const T*, std::int64_t, std::int64_t, const RowMask&, T*); \
  template void log_softmax_backward(const T*, const T*, std::int64_t, std::int64_t, T*)
TAPEGRAD_SOFTMAX(float);
TAPEGRAD_SOFTMAX(double);
#undef TAPEGRAD_SOFTMAX

}  // namespace tapegrad::kernels
#endif  // HWY_ONCE
