#include "kernels/batch_norm.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/batch_norm.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.
#include "kernels/rows-inl.hpp"

#ifndef TAPEGRAD_KERNELS_BATCH_NORM_TABLE
#define TAPEGRAD_KERNELS_BATCH_NORM_TABLE
#include <algorithm>
#include <cmath>

#include "base/ceil_div.hpp"
#include "kernels/parallel.hpp"
#include "kernels/row_range.hpp"
#include "kernels/scratch.hpp"

namespace tapegrad::kernels {

/// Room for whole vectors of any target's lanes.
inline constexpr std::int64_t kMostLanes = 16;
constexpr std::int64_t padded_channels(std::int64_t channels) { return ceil_div(channels, kMostLanes) * kMostLanes; }

/// What batch norm's forward pass subtracts and multiplies by, [channels] each.
template <class T>
struct Statistics {
  const T* mean;
  const T* lost;  ///< of the mean, by rounding it to T
  const T* rstd;
};

/// What its reverse passes read, [channels] each; the first pass, and evaluation, only the first two.
template <class T>
struct GradientStatistics {
  const T* mean;
  const T* rstd;
  const T* mean_xhat = nullptr;  ///< (1 / n) sum xhat: 0 but for the mean's rounding
  const T* mean_g = nullptr;     ///< (1 / n) sum dy, and
  const T* mean_gx = nullptr;    ///< (1 / n) sum dy xhat: what the batch's statistics take back
};

template <class T>
struct BatchNormTable {
  /// sums[padded channels] = sum of x over the valid rows of the range.
  void (*batch_sum)(const BatchNorm<T>&, RowRange, double* sums);
  /// sums[padded channels] = sum of ((x - mean) - lost)^2 over the valid rows of the range.
  void (*batch_squares)(const BatchNorm<T>&, const T* mean, const T* lost, RowRange, double* sums);
  void (*batch_normalise)(const BatchNorm<T>&, const Statistics<T>&, RowRange, T* y);
  /// sums[3, padded channels]: dy and dy xhat over the written rows, xhat over the valid rows, with xhat = (x - mean)
  /// rstd.
  void (*batch_gradient_sums)(const BatchNorm<T>&, const GradientStatistics<T>&, const T* dy, RowRange, double* sums);
  void (*batch_gradient)(const BatchNorm<T>&, const GradientStatistics<T>&, bool through_statistics, const T* dy,
                         RowRange, T* dx);
};

}  // namespace tapegrad::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace tapegrad::kernels::HWY_NAMESPACE {
namespace {

static_assert(lane_count<float>() <= kMostLanes);

HWY_INLINE Wide<double> load_wide(const double* p, double) { return {hn::LoadU(Tag<double>(), p)}; }
HWY_INLINE Wide<float> load_wide(const double* p, float) {
#if HWY_TARGET == HWY_SCALAR
  return {hn::LoadU(Tag<double>(), p), splat(0.0)};
#else
  return {hn::LoadU(Tag<double>(), p), hn::LoadU(Tag<double>(), p + lane_count<double>())};
#endif
}

/// sums[k, padded channels] = sums over the range's rows of what f(row, channel, lanes, sums) adds to its `count`
/// accumulators. Rows are read in order, as memory likes it; the accumulators stay in the nearest cache.
template <class T, int count, class F>
HWY_INLINE void sum_columns(RowRange range, double* sums, const F& f) {
  const std::int64_t stride = padded_channels(range.n);
  std::fill_n(sums, count * stride, 0.0);
  for (std::int64_t r = range.begin; r < range.end; ++r) {
    each_vector<T>(range.n, [&](std::int64_t c, auto lanes, auto) HWY_ATTR {
      Wide<T> acc[count];
      for (int k = 0; k < count; ++k) acc[k] = load_wide(sums + k * stride + c, T());
      f(r, c, lanes, acc);
      for (int k = 0; k < count; ++k) store(acc[k], sums + k * stride + c);
    });
  }
}

template <class T>
HWY_INLINE bool is_valid(const BatchNorm<T>& f, std::int64_t r) {
  return !f.valid || f.valid[r];
}

template <class T>
HWY_NOINLINE void batch_sum(const BatchNorm<T>& f, RowRange range, double* sums) {
  sum_columns<T, 1>(range, sums, [&](std::int64_t r, std::int64_t c, auto lanes, auto& acc) HWY_ATTR {
    lanes.fetch_ahead(f.x + r * range.n + c);
    if (is_valid(f, r)) acc[0] = add(acc[0], widen(lanes.load(f.x + r * range.n + c)));
  });
}

template <class T>
HWY_NOINLINE void batch_squares(const BatchNorm<T>& f, const T* mean, const T* lost, RowRange range, double* sums) {
  sum_columns<T, 1>(range, sums, [&](std::int64_t r, std::int64_t c, auto lanes, auto& acc) HWY_ATTR {
    lanes.fetch_ahead(f.x + r * range.n + c);
    if (!is_valid(f, r)) return;
    const Vector<T> v = lanes.load(f.x + r * range.n + c);
    const Wide<T> d = widen(hn::Sub(hn::Sub(v, lanes.load(mean + c)), lanes.load(lost + c)));
    acc[0] = multiply_add(d, d, acc[0]);
  });
}

template <class T>
HWY_NOINLINE void batch_normalise(const BatchNorm<T>& f, const Statistics<T>& s, RowRange range, T* y) {
  for (std::int64_t r = range.begin; r < range.end; ++r) {
    const T* row = f.x + r * range.n;
    T* out = y + r * range.n;
    if (f.zero_padding && !is_valid(f, r)) {
      std::fill_n(out, range.n, T(0));
      continue;
    }
    each_vector<T>(range.n, [&](std::int64_t c, auto lanes, auto) HWY_ATTR {
      lanes.fetch_ahead(row + c);
      lanes.fetch_ahead(out + c);
      const Vector<T> d = hn::Sub(hn::Sub(lanes.load(row + c), lanes.load(s.mean + c)), lanes.load(s.lost + c));
      Vector<T> v = hn::Mul(d, lanes.load(s.rstd + c));
      if (f.gamma) v = hn::Mul(v, lanes.load(f.gamma + c));
      if (f.beta) v = hn::Add(v, lanes.load(f.beta + c));
      lanes.store(v, out + c);
    });
  }
}

/// (x - mean) rstd with the rounded mean.
template <class T, class L>
HWY_INLINE Vector<T> xhat_of(const T* row, const GradientStatistics<T>& s, std::int64_t c, L lanes) {
  const Vector<T> d = hn::Sub(lanes.load(row + c), lanes.load(s.mean + c));
  return hn::Mul(d, lanes.load(s.rstd + c));
}

template <class T>
HWY_NOINLINE void batch_gradient_sums(const BatchNorm<T>& f, const GradientStatistics<T>& s, const T* dy,
                                      RowRange range, double* sums) {
  sum_columns<T, 3>(range, sums, [&](std::int64_t r, std::int64_t c, auto lanes, auto& acc) HWY_ATTR {
    const bool valid = is_valid(f, r);
    if (f.zero_padding && !valid) return;
    lanes.fetch_ahead(f.x + r * range.n + c);
    lanes.fetch_ahead(dy + r * range.n + c);
    const Wide<T> g = widen(lanes.load(dy + r * range.n + c));
    const Wide<T> xhat = widen(xhat_of(f.x + r * range.n, s, c, lanes));
    acc[0] = add(acc[0], g);
    acc[1] = multiply_add(g, xhat, acc[1]);
    if (valid) acc[2] = add(acc[2], xhat);
  });
}

template <class T>
HWY_NOINLINE void batch_gradient(const BatchNorm<T>& f, const GradientStatistics<T>& s, bool through_statistics,
                                 const T* dy, RowRange range, T* dx) {
  for (std::int64_t r = range.begin; r < range.end; ++r) {
    const bool valid = is_valid(f, r);
    const T* g = dy + r * range.n;
    T* out = dx + r * range.n;
    if (f.zero_padding && !valid) {
      std::fill_n(out, range.n, T(0));
      continue;
    }
    each_vector<T>(range.n, [&](std::int64_t c, auto lanes, auto) HWY_ATTR {
      lanes.fetch_ahead(f.x + r * range.n + c);
      lanes.fetch_ahead(g + c);
      lanes.fetch_ahead(out + c);
      Vector<T> v = lanes.load(g + c);
      if (valid && through_statistics) {
        const Vector<T> xhat = hn::Sub(xhat_of(f.x + r * range.n, s, c, lanes), lanes.load(s.mean_xhat + c));
        v = hn::NegMulAdd(xhat, lanes.load(s.mean_gx + c), hn::Sub(v, lanes.load(s.mean_g + c)));
      }
      if (f.gamma) v = hn::Mul(v, lanes.load(f.gamma + c));
      lanes.store(hn::Mul(v, lanes.load(s.rstd + c)), out + c);
    });
  }
}

TAPEGRAD_KERNEL_TABLE(BatchNormTable, batch_sum<T>, batch_squares<T>, batch_normalise<T>, batch_gradient_sums<T>,
                      batch_gradient<T>)

}  // namespace
}  // namespace tapegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad::kernels {
namespace {

TAPEGRAD_EXPORT_KERNEL_TABLE(BatchNormTable)

/// Each chunk has sums of its own over the channels, added up at the end: few, of many rows.
std::int64_t batch_grain(std::int64_t channels) { return rows_per_chunk(channels, 2 * kChunkElements, 64); }

/// Body(begin, end) over ranges of rows that follow from the shape.
template <class T, class Body>
void for_batch_rows(const BatchNorm<T>& facts, const Body& body) {
  parallel_for(facts.rows, batch_grain(facts.channels), 2 * facts.rows * facts.channels, body);
}

/// Sums of `count` quantities per channel over the ranges of rows, combined in order: [count, padded channels]. The
/// kernel fills one range's.
template <class T, class Kernel>
double* batch_sums(const BatchNorm<T>& facts, std::int64_t count, const Kernel& kernel) {
  static thread_local Scratch scratch;
  const std::int64_t grain = batch_grain(facts.channels);
  const std::int64_t chunks = std::max<std::int64_t>(1, ceil_div(facts.rows, grain));
  const std::int64_t width = count * padded_channels(facts.channels);
  double* sums = scratch.get<double>(chunks * width);
  if (facts.rows == 0) std::fill_n(sums, width, 0.0);
  for_batch_rows(facts, [&](std::int64_t begin, std::int64_t end) {
    kernel(RowRange{begin, end, facts.channels}, sums + begin / grain * width);
  });
  for (std::int64_t c = 1; c < chunks; ++c) {
    for (std::int64_t i = 0; i < width; ++i) sums[i] += sums[c * width + i];
  }
  return sums;
}

template <class T>
T inverse_root(double variance, double eps) {
  return static_cast<T>(1 / std::sqrt(variance + eps));
}

/// rstd [channels] of given variances, and as many zeros.
template <class T>
struct EvalChannels {
  T* rstd;
  T* zeros;
  EvalChannels(const T* variance, std::int64_t channels, double eps, Scratch& scratch)
      : rstd(scratch.get<T>(2 * channels)), zeros(rstd + channels) {
    for (std::int64_t c = 0; c < channels; ++c) rstd[c] = inverse_root<T>(static_cast<double>(variance[c]), eps);
    std::fill_n(zeros, channels, T(0));
  }
};

}  // namespace

template <class T>
void batch_norm_forward(const BatchNorm<T>& facts, double eps, T* y, T* mean, T* variance, T* rstd) {
  static thread_local Scratch scratch;
  const BatchNormTable<T> kernels = table<T>();
  const std::int64_t channels = facts.channels;
  const double n = static_cast<double>(std::max<std::int64_t>(1, facts.count));
  T* lost = scratch.get<T>(channels);
  const double* sums = batch_sums(facts, 1, [&](RowRange range, double* out) { kernels.batch_sum(facts, range, out); });
  for (std::int64_t c = 0; c < channels; ++c) {
    const double m = sums[c] / n;
    mean[c] = static_cast<T>(m);
    lost[c] = static_cast<T>(m - static_cast<double>(mean[c]));
  }
  const double* squares =
      batch_sums(facts, 1, [&](RowRange range, double* out) { kernels.batch_squares(facts, mean, lost, range, out); });
  for (std::int64_t c = 0; c < channels; ++c) {
    variance[c] = static_cast<T>(squares[c] / n);
    rstd[c] = inverse_root<T>(squares[c] / n, eps);
  }
  const Statistics<T> statistics{mean, lost, rstd};
  for_batch_rows(facts, [&](std::int64_t begin, std::int64_t end) {
    kernels.batch_normalise(facts, statistics, {begin, end, channels}, y);
  });
}

template <class T>
void batch_norm_backward(const BatchNorm<T>& facts, const T* mean, const T* rstd, const T* dy,
                         const NormGradients<T>& gradients) {
  static thread_local Scratch scratch;
  const BatchNormTable<T> kernels = table<T>();
  const std::int64_t channels = facts.channels;
  const std::int64_t padded = padded_channels(channels);
  const double n = static_cast<double>(std::max<std::int64_t>(1, facts.count));
  T* mean_xhat = scratch.get<T>(3 * channels);
  T* mean_g = mean_xhat + channels;
  T* mean_gx = mean_g + channels;
  const GradientStatistics<T> statistics{mean, rstd, mean_xhat, mean_g, mean_gx};
  const double* sums = batch_sums(
      facts, 3, [&](RowRange range, double* out) { kernels.batch_gradient_sums(facts, statistics, dy, range, out); });
  for (std::int64_t c = 0; c < channels; ++c) {
    // As in layer norm: xhat sums to 0 over the valid rows, so its mean there is what the rounded mean put in.
    const double offset = sums[2 * padded + c] / n;
    const double g = sums[c];
    const double gx = sums[padded + c] - offset * g;
    mean_xhat[c] = static_cast<T>(offset);
    mean_g[c] = static_cast<T>(g / n);
    mean_gx[c] = static_cast<T>(gx / n);
    if (gradients.dgamma) gradients.dgamma[c] = static_cast<T>(gx);
    if (gradients.dbeta) gradients.dbeta[c] = static_cast<T>(g);
  }
  if (!gradients.dx) return;
  for_batch_rows(facts, [&](std::int64_t begin, std::int64_t end) {
    kernels.batch_gradient(facts, statistics, true, dy, {begin, end, channels}, gradients.dx);
  });
}

template <class T>
void batch_norm_eval_forward(const BatchNorm<T>& facts, const T* mean, const T* variance, double eps, T* y) {
  static thread_local Scratch scratch;
  const BatchNormTable<T> kernels = table<T>();
  const EvalChannels<T> given(variance, facts.channels, eps, scratch);
  const Statistics<T> statistics{mean, given.zeros, given.rstd};
  for_batch_rows(facts, [&](std::int64_t begin, std::int64_t end) {
    kernels.batch_normalise(facts, statistics, {begin, end, facts.channels}, y);
  });
}

template <class T>
void batch_norm_eval_backward(const BatchNorm<T>& facts, const T* mean, const T* variance, double eps, const T* dy,
                              const NormGradients<T>& gradients) {
  static thread_local Scratch scratch;
  const BatchNormTable<T> kernels = table<T>();
  const std::int64_t channels = facts.channels;
  const std::int64_t padded = padded_channels(channels);
  const EvalChannels<T> given(variance, channels, eps, scratch);
  const GradientStatistics<T> statistics{mean, given.rstd};
  if (gradients.dgamma || gradients.dbeta) {
    const double* sums = batch_sums(
        facts, 3, [&](RowRange range, double* out) { kernels.batch_gradient_sums(facts, statistics, dy, range, out); });
    for (std::int64_t c = 0; c < channels; ++c) {
      if (gradients.dgamma) gradients.dgamma[c] = static_cast<T>(sums[padded + c]);
      if (gradients.dbeta) gradients.dbeta[c] = static_cast<T>(sums[c]);
    }
  }
  if (!gradients.dx) return;
  for_batch_rows(facts, [&](std::int64_t begin, std::int64_t end) {
    kernels.batch_gradient(facts, statistics, false, dy, {begin, end, channels}, gradients.dx);
  });
}

#define TAPEGRAD_BATCH_NORM(T)                                                                                   \
  template void batch_norm_forward(const BatchNorm<T>&, double, T*, T*, T*, T*);                                 \
  template void batch_norm_backward(const BatchNorm<T>&, const T*, const T*, const T*, const NormGradients<T>&); \
  template void batch_norm_eval_forward(const BatchNorm<T>&, const T*, const T*, double, T*);                    \
  template void batch_norm_eval_backward(const BatchNorm<T>&, const T*, const T*, double, const T*,              \
                                         const NormGradients<T>&)
TAPEGRAD_BATCH_NORM(float);
TAPEGRAD_BATCH_NORM(double);
#undef TAPEGRAD_BATCH_NORM

}  // namespace tapegrad::kernels
#endif  // HWY_ONCE
