#include "kernels/cross_entropy.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cross_entropy.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.
#include "kernels/softmax-inl.hpp"

#ifndef TAPEGRAD_KERNELS_CROSS_ENTROPY_TABLE
#define TAPEGRAD_KERNELS_CROSS_ENTROPY_TABLE
#include <algorithm>
#include <limits>

#include "kernels/row_range.hpp"

namespace tapegrad::kernels {

/// The rows [begin, end) of each function of the header.
template <class T>
struct CrossEntropyTable {
  void (*forward)(const CrossEntropy<T>&, double total_weight, std::int64_t begin, std::int64_t end, T* loss,
                  T* logsumexp);
  void (*backward)(const CrossEntropy<T>&, double total_weight, std::int64_t begin, std::int64_t end,
                   const T* logsumexp, const T* scale, T* dlogits);
};

}  // namespace tapegrad::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace tapegrad::kernels::HWY_NAMESPACE {
namespace {

template <class T>
HWY_NOINLINE void forward(const CrossEntropy<T>& f, double total_weight, std::int64_t begin, std::int64_t end, T* loss,
                          T* logsumexp) {
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
HWY_NOINLINE void backward(const CrossEntropy<T>& f, double total_weight, std::int64_t begin, std::int64_t end,
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

TAPEGRAD_KERNEL_TABLE(CrossEntropyTable, forward<T>, backward<T>)

}  // namespace
}  // namespace tapegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad::kernels {
namespace {

TAPEGRAD_EXPORT_KERNEL_TABLE(CrossEntropyTable)

template <class T>
double weight_of_all_classes(const CrossEntropy<T>& facts) {
  if (!facts.class_weights) return static_cast<double>(facts.classes);
  double sum = 0;
  for (std::int64_t c = 0; c < facts.classes; ++c) sum += static_cast<double>(facts.class_weights[c]);
  return sum;
}

}  // namespace

template <class T>
void cross_entropy_forward(const CrossEntropy<T>& facts, T* loss, T* logsumexp) {
  if (facts.classes == 0) {  // all targets are ignored: there is no class to name
    std::fill_n(loss, facts.rows, T(0));
    std::fill_n(logsumexp, facts.rows, -std::numeric_limits<T>::infinity());
    return;
  }
  const auto kernel = table<T>().forward;
  const double total_weight = weight_of_all_classes(facts);
  for_rows(facts.rows, facts.classes, 8,
           [&](std::int64_t begin, std::int64_t end) { kernel(facts, total_weight, begin, end, loss, logsumexp); });
}

template <class T>
void cross_entropy_backward(const CrossEntropy<T>& facts, const T* logsumexp, const T* scale, T* dlogits) {
  const auto kernel = table<T>().backward;
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

#define TAPEGRAD_CROSS_ENTROPY(T)                                                       \
  template void cross_entropy_forward(const CrossEntropy<T>&, T*, T*);                  \
  template void cross_entropy_backward(const CrossEntropy<T>&, const T*, const T*, T*); \
  template double cross_entropy_total_weight(const CrossEntropy<T>&)
TAPEGRAD_CROSS_ENTROPY(float);
TAPEGRAD_CROSS_ENTROPY(double);
#undef TAPEGRAD_CROSS_ENTROPY

}  // namespace tapegrad::kernels
#endif  // HWY_ONCE
