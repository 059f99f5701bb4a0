#include "kernels/softmax.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/softmax.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.
#include "kernels/rows-inl.hpp"

#ifndef TAPEGRAD_KERNELS_SOFTMAX_TABLE
#define TAPEGRAD_KERNELS_SOFTMAX_TABLE
#include <algorithm>

#include "kernels/parallel.hpp"

namespace tapegrad::kernels {

/// The rows [begin, end) of each function of the header.
template <class T>
struct SoftmaxTable {
  void (*forward)(const T* x, std::int64_t begin, std::int64_t end, std::int64_t n, const RowMask&, T* y);
  void (*backward)(const T* y, const T* dy, std::int64_t begin, std::int64_t end, std::int64_t n, T* dx);
  void (*log_forward)(const T* x, std::int64_t begin, std::int64_t end, std::int64_t n, const RowMask&, T* y);
  void (*log_backward)(const T* y, const T* dy, std::int64_t begin, std::int64_t end, std::int64_t n, T* dx);
  void (*loss_forward)(const CrossEntropy<T>&, double total_weight, std::int64_t begin, std::int64_t end, T* loss,
                       T* logsumexp);
  void (*loss_backward)(const CrossEntropy<T>&, double total_weight, std::int64_t begin, std::int64_t end,
                        const T* logsumexp, const T* scale, T* dlogits);
};

}  // namespace tapegrad::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace tapegrad::kernels::HWY_NAMESPACE {
namespace {

template <class T>
inline constexpr T kInfinity = std::numeric_limits<T>::infinity();

/// The row itself, or a copy in y with -inf where the mask says no.
template <class T>
HWY_INLINE const T* masked_row(const T* x, std::int64_t n, const bool* keep, T* y) {
  if (!keep) return x;
  for (std::int64_t i = 0; i < n; ++i) y[i] = keep[i] ? x[i] : -kInfinity<T>;
  return y;
}

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

template <class T>
HWY_INLINE void scale_row(T* y, std::int64_t n, T factor) {
  each_vector<T>(n, [&](std::int64_t i, auto lanes, auto)
                        HWY_ATTR { lanes.store(hn::Mul(lanes.load(y + i), splat<T>(factor)), y + i); });
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

template <class T>
HWY_NOINLINE void loss_forward(const CrossEntropy<T>& f, double total_weight, std::int64_t begin, std::int64_t end,
                               T* loss, T* logsumexp) {
  const std::int64_t n = f.classes;
  const double smoothing = f.label_smoothing;
  for (std::int64_t r = begin; r < end; ++r) {
    const T* x = f.logits + r * n;
    const std::int64_t target = f.targets[r];
    if (target == f.ignore_index) {
      loss[r] = 0;
      logsumexp[r] = 0;
      continue;
    }
    const T max = row_max(x, n);
    const double weight = f.class_weights ? static_cast<double>(f.class_weights[target]) : 1.0;
    const double hit = (1 - smoothing) * weight;
    if (!std::isfinite(max)) {
      const bool counts = hit != 0 || smoothing * total_weight != 0;
      logsumexp[r] = max;
      loss[r] = max != -kInfinity<T> ? std::numeric_limits<T>::quiet_NaN() : counts ? kInfinity<T> : T(0);
      continue;
    }
    const double lse = static_cast<double>(max) + std::log(exponential_sum<false>(x, n, max));
    // A class of weight 0 counts for nothing, be its logit -inf.
    double row_loss = hit == 0 ? 0.0 : hit * (lse - static_cast<double>(x[target]));
    if (smoothing > 0) {
      Wide<T> sum[2] = {wide_zero<T>(), wide_zero<T>()};
      each_vector<T>(n, [&](std::int64_t i, auto lanes, auto k) HWY_ATTR {
        const Vector<T> v = lanes.load(x + i);
        if (f.class_weights) {
          const Vector<T> w = lanes.load(f.class_weights + i);
          sum[k] = multiply_add(widen(hn::IfThenZeroElse(hn::Eq(w, splat<T>(0)), v)), widen(w), sum[k]);
        } else {
          sum[k] = add(sum[k], widen(v));
        }
      });
      row_loss += smoothing / static_cast<double>(n) * (total_weight * lse - total(add(sum[0], sum[1])));
    }
    loss[r] = static_cast<T>(row_loss);
    logsumexp[r] = static_cast<T>(lse);
  }
}

template <class T>
HWY_NOINLINE void loss_backward(const CrossEntropy<T>& f, double total_weight, std::int64_t begin, std::int64_t end,
                                const T* logsumexp, const T* scale, T* dlogits) {
  const std::int64_t n = f.classes;
  const double share = f.label_smoothing / static_cast<double>(n);
  for (std::int64_t r = begin; r < end; ++r) {
    const T* x = f.logits + r * n;
    T* dx = dlogits + r * n;
    const std::int64_t target = f.targets[r];
    if (target == f.ignore_index || logsumexp[r] == -kInfinity<T>) {
      std::fill_n(dx, n, T(0));
      continue;
    }
    if (!std::isfinite(logsumexp[r])) {
      std::fill_n(dx, n, std::numeric_limits<T>::quiet_NaN());
      continue;
    }
    // exp(x - lse) sums to 1 but for the rounding of lse, which dividing by the sum takes out again.
    const double sum = exponential_sum<true>(x, n, logsumexp[r], dx);
    const double outer = static_cast<double>(scale[r]);
    const double weight = f.class_weights ? static_cast<double>(f.class_weights[target]) : 1.0;
    const double hit = (1 - f.label_smoothing) * weight;
    const Vector<T> factor = splat<T>(static_cast<T>(outer * (hit + share * total_weight) / sum));
    const Vector<T> rest = splat<T>(static_cast<T>(outer * share));
    each_vector<T>(n, [&](std::int64_t i, auto lanes, auto) HWY_ATTR {
      const Vector<T> w = f.class_weights ? lanes.load(f.class_weights + i) : splat<T>(1);
      lanes.store(hn::NegMulAdd(rest, w, hn::Mul(lanes.load(dx + i), factor)), dx + i);
    });
    dx[target] -= static_cast<T>(outer * hit);
  }
}

TAPEGRAD_KERNEL_TABLE(SoftmaxTable, forward<T>, backward<T>, log_forward<T>, log_backward<T>, loss_forward<T>,
                      loss_backward<T>)

}  // namespace
}  // namespace tapegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad::kernels {
namespace {

TAPEGRAD_EXPORT_KERNEL_TABLE(SoftmaxTable)

/// Rows are independent: how many a task takes changes no result.
template <class Body>
void for_rows(std::int64_t rows, std::int64_t n, std::int64_t steps, const Body& body) {
  if (n == 0) return;
  parallel_for(rows, rows_per_chunk(n), rows * n * steps, body);
}

template <class T>
double weight_of_all_classes(const CrossEntropy<T>& facts) {
  if (!facts.class_weights) return static_cast<double>(facts.classes);
  double sum = 0;
  for (std::int64_t c = 0; c < facts.classes; ++c) sum += static_cast<double>(facts.class_weights[c]);
  return sum;
}

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

template <class T>
void cross_entropy_forward(const CrossEntropy<T>& facts, T* loss, T* logsumexp) {
  if (facts.classes == 0) {  // all targets are ignored: there is no class to name
    std::fill_n(loss, facts.rows, T(0));
    std::fill_n(logsumexp, facts.rows, -std::numeric_limits<T>::infinity());
    return;
  }
  const auto kernel = table<T>().loss_forward;
  const double total_weight = weight_of_all_classes(facts);
  for_rows(facts.rows, facts.classes, 8,
           [&](std::int64_t begin, std::int64_t end) { kernel(facts, total_weight, begin, end, loss, logsumexp); });
}

template <class T>
void cross_entropy_backward(const CrossEntropy<T>& facts, const T* logsumexp, const T* scale, T* dlogits) {
  const auto kernel = table<T>().loss_backward;
  const double total_weight = weight_of_all_classes(facts);
  for_rows(facts.rows, facts.classes, 8, [&](std::int64_t begin, std::int64_t end) {
    kernel(facts, total_weight, begin, end, logsumexp, scale, dlogits);
  });
}

template <class T>
double cross_entropy_total_weight(const CrossEntropy<T>& facts) {
  double sum = 0;
  for (std::int64_t r = 0; r < facts.rows; ++r) {
    if (facts.targets[r] == facts.ignore_index) continue;
    sum += facts.class_weights ? static_cast<double>(facts.class_weights[facts.targets[r]]) : 1.0;
  }
  return sum;
}

#define TAPEGRAD_SOFTMAX(T)                                                                    \
  template void softmax_forward(const T*, std::int64_t, std::int64_t, const RowMask&, T*);     \
  template void softmax_backward(const T*, const T*, std::int64_t, std::int64_t, T*);          \
  template void log_softmax_forward(const T*, std::int64_t, std::int64_t, const RowMask&, T*); \
  template void log_softmax_backward(const T*, const T*, std::int64_t, std::int64_t, T*);      \
  template void cross_entropy_forward(const CrossEntropy<T>&, T*, T*);                         \
  template void cross_entropy_backward(const CrossEntropy<T>&, const T*, const T*, T*);        \
  template double cross_entropy_total_weight(const CrossEntropy<T>&)
TAPEGRAD_SOFTMAX(float);
TAPEGRAD_SOFTMAX(double);
#undef TAPEGRAD_SOFTMAX

}  // namespace tapegrad::kernels
#endif  // HWY_ONCE
