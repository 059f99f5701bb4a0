#include "kernels/row_norm.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/row_norm.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.
#include "kernels/rows-inl.hpp"

#ifndef TAPEGRAD_KERNELS_ROW_NORM_TABLE
#define TAPEGRAD_KERNELS_ROW_NORM_TABLE
#include <algorithm>
#include <cmath>

#include "base/ceil_div.hpp"
#include "kernels/parallel.hpp"
#include "kernels/reduce.hpp"
#include "kernels/row_range.hpp"
#include "kernels/scratch.hpp"

namespace tapegrad::kernels {

template <class T>
using RowForward = void (*)(const RowNorm<T>&, RowRange, double eps, T* y, T* mean, T* rstd);
/// The range's own gradients of gamma and beta.
template <class T>
using RowBackward = void (*)(const RowNorm<T>&, const T* mean, const T* rstd, const T* dy, RowRange,
                             const NormGradients<T>&);

template <class T>
struct RowNormTable {
  RowForward<T> layer_forward;
  RowBackward<T> layer_backward;
  RowForward<T> rms_forward;
  RowBackward<T> rms_backward;
};

}  // namespace tapegrad::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace tapegrad::kernels::HWY_NAMESPACE {
namespace {

/// Rows of n elements that go through the passes of a forward norm together: what waits for a row's quotients and root
/// is overtaken by other rows, and all stay in the nearest cache.
inline constexpr std::int64_t kMostRowsTogether = 8;
constexpr std::int64_t rows_together(std::int64_t n) {
  return std::clamp<std::int64_t>(1024 / std::max<std::int64_t>(1, n), 1, kMostRowsTogether);
}

/// RMS norm is layer norm that is not centred: its mean is 0.
template <class T, bool centred>
HWY_NOINLINE void row_forward(const RowNorm<T>& facts, RowRange range, double eps, T* y, T* mean, T* rstd) {
  const T* const x = facts.x;
  const T* const gamma = facts.gamma;
  const T* const beta = facts.beta;
  const std::int64_t n = range.n;
  const std::int64_t together = rows_together(n);
  for (std::int64_t begin = range.begin; begin < range.end; begin += together) {
    const std::int64_t end = std::min(range.end, begin + together);
    T lost[kMostRowsTogether];  // of the means
    for (std::int64_t r = begin; centred && r < end; ++r) {
      const T* row = x + r * n;
      Wide<T> sum[2] = {wide_zero<T>(), wide_zero<T>()};
      each_vector<T>(n, [&](std::int64_t i, auto lanes, auto k) HWY_ATTR {
        lanes.fetch_ahead(row + i);
        sum[k] = add(sum[k], widen(lanes.load(row + i)));
      });
      const Split<T> m(total(add(sum[0], sum[1])) / static_cast<double>(n));
      mean[r] = m.high;
      lost[r - begin] = m.low;
    }
    const auto deviation_of = [&](std::int64_t r) HWY_ATTR {
      const T* row = x + r * n;
      const Vector<T> high = splat(centred ? mean[r] : T(0));
      const Vector<T> low = splat(centred ? lost[r - begin] : T(0));
      return [=](std::int64_t i, auto lanes) HWY_ATTR {
        const Vector<T> v = lanes.load(row + i);
        return centred ? hn::Sub(hn::Sub(v, high), low) : v;
      };
    };
    for (std::int64_t r = begin; r < end; ++r) {
      const auto deviation = deviation_of(r);
      Wide<T> squares[2] = {wide_zero<T>(), wide_zero<T>()};
      each_vector<T>(n, [&](std::int64_t i, auto lanes, auto k) HWY_ATTR {
        if (!centred) lanes.fetch_ahead(x + r * n + i);
        const Wide<T> d = widen(lanes.or_else(deviation(i, lanes), T(0)));
        squares[k] = multiply_add(d, d, squares[k]);
      });
      const double variance = total(add(squares[0], squares[1])) / static_cast<double>(n);
      const T inverse = static_cast<T>(1 / std::sqrt(variance + eps));
      rstd[r] = centred && n == 1 && std::isinf(inverse) ? T(0) : inverse;  // one value has no deviation to scale
    }
    for (std::int64_t r = begin; r < end; ++r) {
      const auto deviation = deviation_of(r);
      const Vector<T> scale = splat(rstd[r]);
      T* out = y + r * n;
      each_vector<T>(n, [&](std::int64_t i, auto lanes, auto) HWY_ATTR {
        lanes.fetch_ahead(out + i);
        Vector<T> v = hn::Mul(deviation(i, lanes), scale);
        if (gamma) v = hn::Mul(v, lanes.load(gamma + i));
        if (beta) v = hn::Add(v, lanes.load(beta + i));
        lanes.store(v, out + i);
      });
    }
  }
}

/// Also adds the range's rows into dgamma and dbeta [n], which it starts at 0.
///
/// The kept mean is rounded, so xhat' = (x - mean) r is off by a constant; as xhat sums to 0, the constant is <xhat'>,
/// and one more sum takes it out.
template <class T, bool centred>
HWY_NOINLINE void row_backward(const RowNorm<T>& facts, const T* mean, const T* rstd, const T* dy, RowRange range,
                               const NormGradients<T>& gradients) {
  const T* const gamma = facts.gamma;
  T* const dgamma = gradients.dgamma;
  T* const dbeta = gradients.dbeta;
  const std::int64_t n = range.n;
  const double count = static_cast<double>(n);
  if (dgamma) std::fill_n(dgamma, n, T(0));
  if (dbeta) std::fill_n(dbeta, n, T(0));
  for (std::int64_t r = range.begin; r < range.end; ++r) {
    const T* row = facts.x + r * n;
    const T* dout = dy + r * n;
    T* din = gradients.dx ? gradients.dx + r * n : nullptr;
    const Vector<T> m = splat(centred ? mean[r] : T(0));
    const Vector<T> scale = splat(rstd[r]);
    const auto xhat_at = [&](std::int64_t i, auto lanes) HWY_ATTR {
      const Vector<T> v = lanes.load(row + i);
      return hn::Mul(centred ? hn::Sub(v, m) : v, scale);
    };
    const auto g_at = [&](std::int64_t i, auto lanes) HWY_ATTR {
      const Vector<T> v = lanes.load(dout + i);
      return gamma ? hn::Mul(v, lanes.load(gamma + i)) : v;
    };
    Wide<T> g_sum = wide_zero<T>();
    Wide<T> xhat_sum = wide_zero<T>();
    Wide<T> product[2] = {wide_zero<T>(), wide_zero<T>()};
    each_vector<T>(n, [&](std::int64_t i, auto lanes, auto k) HWY_ATTR {
      lanes.fetch_ahead(row + i);
      lanes.fetch_ahead(dout + i);
      const Wide<T> xhat = widen(lanes.or_else(xhat_at(i, lanes), T(0)));
      const Wide<T> g = widen(g_at(i, lanes));
      product[k] = multiply_add(g, xhat, product[k]);
      if (centred) {
        g_sum = add(g_sum, g);
        xhat_sum = add(xhat_sum, xhat);
      }
    });
    const double mean_g = total(g_sum) / count;
    const double shift = total(xhat_sum) / count;
    const double mean_gx = total(add(product[0], product[1])) / count - mean_g * shift;
    const Vector<T> a = splat(static_cast<T>(mean_g));
    const Vector<T> b = splat(static_cast<T>(mean_gx));
    const Vector<T> c = splat(static_cast<T>(shift));
    each_vector<T>(n, [&](std::int64_t i, auto lanes, auto) HWY_ATTR {
      const Vector<T> xhat = centred ? hn::Sub(xhat_at(i, lanes), c) : xhat_at(i, lanes);
      const Vector<T> v = lanes.load(dout + i);
      if (din) {
        const Vector<T> g = g_at(i, lanes);
        lanes.fetch_ahead(din + i);
        lanes.store(hn::Mul(scale, hn::NegMulAdd(xhat, b, centred ? hn::Sub(g, a) : g)), din + i);
      }
      if (dgamma) lanes.store(hn::MulAdd(v, xhat, lanes.load(dgamma + i)), dgamma + i);
      if (dbeta) lanes.store(hn::Add(v, lanes.load(dbeta + i)), dbeta + i);
    });
  }
}

TAPEGRAD_KERNEL_TABLE(RowNormTable, row_forward<T, true>, row_backward<T, true>, row_forward<T, false>,
                      row_backward<T, false>)

}  // namespace
}  // namespace tapegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad::kernels {
namespace {

TAPEGRAD_EXPORT_KERNEL_TABLE(RowNormTable)

/// Rows whose parameter gradients are added in T before they join a double precision sum: few, so that rounding does
/// not grow.
constexpr std::int64_t kGradientRows = 32;

template <class T>
void forward_rows(RowForward<T> kernel, const RowNorm<T>& facts, double eps, T* y, T* mean, T* rstd) {
  parallel_for(facts.rows, rows_per_chunk(facts.n), 4 * facts.rows * facts.n,
               [&](std::int64_t begin, std::int64_t end) {
                 kernel(facts, {begin, end, facts.n}, eps, y, mean, rstd);
               });
}

template <class T>
void backward_rows(RowBackward<T> kernel, const RowNorm<T>& facts, const T* mean, const T* rstd, const T* dy,
                   const NormGradients<T>& gradients) {
  static thread_local Scratch scratch;
  const std::int64_t n = facts.n;
  const std::int64_t chunks = ceil_div(facts.rows, kGradientRows);
  T* partials = scratch.get<T>(2 * chunks * n);
  T* gammas = gradients.dgamma ? partials : nullptr;
  T* betas = gradients.dbeta ? partials + chunks * n : nullptr;
  parallel_for(facts.rows, kGradientRows, 6 * facts.rows * n, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t place = begin / kGradientRows * n;
    kernel(facts, mean, rstd, dy, {begin, end, n},
           {gradients.dx, gammas ? gammas + place : nullptr, betas ? betas + place : nullptr});
  });
  if (gammas) reduce_sum(gammas, {1, chunks, n}, gradients.dgamma);
  if (betas) reduce_sum(betas, {1, chunks, n}, gradients.dbeta);
}

}  // namespace

template <class T>
void layer_norm_forward(const RowNorm<T>& facts, double eps, T* y, T* mean, T* rstd) {
  forward_rows(table<T>().layer_forward, facts, eps, y, mean, rstd);
}

template <class T>
void layer_norm_backward(const RowNorm<T>& facts, const T* mean, const T* rstd, const T* dy,
                         const NormGradients<T>& gradients) {
  backward_rows(table<T>().layer_backward, facts, mean, rstd, dy, gradients);
}

template <class T>
void rms_norm_forward(const RowNorm<T>& facts, double eps, T* y, T* rstd) {
  forward_rows<T>(table<T>().rms_forward, facts, eps, y, nullptr, rstd);
}

template <class T>
void rms_norm_backward(const RowNorm<T>& facts, const T* rstd, const T* dy, const NormGradients<T>& gradients) {
  backward_rows<T>(table<T>().rms_backward, facts, nullptr, rstd, dy, gradients);
}

#define TAPEGRAD_ROW_NORM(T)                                                                                   \
  template void layer_norm_forward(const RowNorm<T>&, double, T*, T*, T*);                                     \
  template void layer_norm_backward(const RowNorm<T>&, const T*, const T*, const T*, const NormGradients<T>&); \
  template void rms_norm_forward(const RowNorm<T>&, double, T*, T*);                                           \
  template void rms_norm_backward(const RowNorm<T>&, const T*, const T*, const NormGradients<T>&)
TAPEGRAD_ROW_NORM(float);
TAPEGRAD_ROW_NORM(double);
#undef TAPEGRAD_ROW_NORM

}  // namespace tapegrad::kernels
#endif  // HWY_ONCE
