#include "kernels/reduce.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/reduce.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.
#include "kernels/rows-inl.hpp"

#ifndef TAPEGRAD_KERNELS_REDUCE_TABLE
#define TAPEGRAD_KERNELS_REDUCE_TABLE
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/ceil_div.hpp"
#include "kernels/parallel.hpp"
#include "kernels/scratch.hpp"

namespace tapegrad::kernels {

/// What is folded into one number per slice. `a` and `b` are per-slice operands.
enum class Fold { sum, magnitude_sum, square_deviation, exponential_sum, max, magnitude_max, min };

template <class T>
struct Operands {
  const T* a = nullptr;
  const T* b = nullptr;
  Operands from(std::int64_t slice) const { return {a ? a + slice : nullptr, b ? b + slice : nullptr}; }
};

template <class T>
struct ReduceTable {
  /// out[s] for `slices` rows of n contiguous numbers, `stride` apart.
  void (*rows)(Fold, const T* x, std::int64_t slices, std::int64_t n, std::int64_t stride, Operands<T>, double* out);
  /// out[s] for `slices` neighbouring columns of n numbers, `stride` apart.
  void (*columns)(Fold, const T* x, std::int64_t slices, std::int64_t n, std::int64_t stride, Operands<T>, double* out);
};

}  // namespace tapegrad::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace tapegrad::kernels::HWY_NAMESPACE {
namespace {

template <class T>
struct SumFold {
  using Accumulator = Wide<T>;
  static constexpr T kNeutral = 0;
  static HWY_INLINE Accumulator start() { return wide_zero<T>(); }
  static HWY_INLINE Vector<T> term(Vector<T> x, Vector<T>, Vector<T>) { return x; }
  static HWY_INLINE Accumulator step(Accumulator acc, Vector<T> term) { return add(acc, widen(term)); }
  static HWY_INLINE Accumulator join(Accumulator a, Accumulator b) { return add(a, b); }
  static HWY_INLINE double finish(Accumulator acc) { return total(acc); }
  static HWY_INLINE void store_each(Accumulator acc, double* p) { store(acc, p); }
};

template <class T>
struct MagnitudeSumFold : SumFold<T> {
  static HWY_INLINE Vector<T> term(Vector<T> x, Vector<T>, Vector<T>) { return hn::Abs(x); }
};

/// (x - mean)^2, the mean split into a + b.
template <class T>
struct SquareDeviationFold : SumFold<T> {
  static HWY_INLINE Vector<T> term(Vector<T> x, Vector<T> a, Vector<T> b) { return hn::Sub(hn::Sub(x, a), b); }
  static HWY_INLINE Wide<T> step(Wide<T> acc, Vector<T> term) {
    const Wide<T> deviation = widen(term);
    return multiply_add(deviation, deviation, acc);
  }
};

/// exp(x - a).
template <class T>
struct ExponentialFold : SumFold<T> {
  static HWY_INLINE Vector<T> term(Vector<T> x, Vector<T> a, Vector<T>) { return exponential<T>(hn::Sub(x, a)); }
};

template <class T, bool largest>
struct ExtremeFold {
  using Accumulator = Vector<T>;
  static constexpr T kNeutral = largest ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::infinity();
  static HWY_INLINE Accumulator start() { return splat<T>(kNeutral); }
  static HWY_INLINE Vector<T> term(Vector<T> x, Vector<T>, Vector<T>) { return x; }
  static HWY_INLINE Accumulator step(Accumulator best, Vector<T> x) {
    return largest ? larger<T>(best, x) : smaller<T>(best, x);
  }
  static HWY_INLINE Accumulator join(Accumulator a, Accumulator b) { return step(a, b); }
  static HWY_INLINE double finish(Accumulator best) {
    return static_cast<double>(largest ? largest_lane<T>(best) : smallest_lane<T>(best));
  }
  static HWY_INLINE void store_each(Accumulator best, double* p) { store(widen(best), p); }
};

template <class T>
struct MagnitudeMaxFold : ExtremeFold<T, true> {
  static HWY_INLINE Vector<T> term(Vector<T> x, Vector<T>, Vector<T>) { return hn::Abs(x); }
};

template <class T, class F>
HWY_NOINLINE void fold_rows(const T* x, std::int64_t slices, std::int64_t n, std::int64_t stride, Operands<T> operands,
                            double* out) {
  for (std::int64_t s = 0; s < slices; ++s) {
    const T* row = x + s * stride;
    const Vector<T> a = splat<T>(operands.a ? operands.a[s] : T(0));
    const Vector<T> b = splat<T>(operands.b ? operands.b[s] : T(0));
    typename F::Accumulator acc[2] = {F::start(), F::start()};
    each_vector<T>(n, [&](std::int64_t i, auto lanes, auto k) HWY_ATTR {
      acc[k] = F::step(acc[k], lanes.or_else(F::term(lanes.load(row + i), a, b), F::kNeutral));
    });
    out[s] = F::finish(F::join(acc[0], acc[1]));
  }
}

/// `vectors` accumulators side by side walk down the rows.
template <class T, class F, int vectors, class Access>
HWY_INLINE void fold_column_tile(const T* x, std::int64_t n, std::int64_t stride, Operands<T> operands, Access lanes,
                                 double* out) {
  constexpr std::int64_t N = lane_count<T>();
  typename F::Accumulator acc[vectors];
  Vector<T> a[vectors];
  Vector<T> b[vectors];
  for (int v = 0; v < vectors; ++v) {
    acc[v] = F::start();
    a[v] = operands.a ? lanes.load(operands.a + v * N) : splat<T>(0);
    b[v] = operands.b ? lanes.load(operands.b + v * N) : splat<T>(0);
  }
  for (std::int64_t r = 0; r < n; ++r) {
    for (int v = 0; v < vectors; ++v) acc[v] = F::step(acc[v], F::term(lanes.load(x + r * stride + v * N), a[v], b[v]));
  }
  for (int v = 0; v < vectors; ++v) F::store_each(acc[v], out + v * N);
}

template <class T, class F>
HWY_NOINLINE void fold_columns(const T* x, std::int64_t slices, std::int64_t n, std::int64_t stride,
                               Operands<T> operands, double* out) {
  constexpr std::int64_t N = lane_count<T>();
  std::int64_t s = 0;
  for (; s + 4 * N <= slices; s += 4 * N) {
    fold_column_tile<T, F, 4>(x + s, n, stride, operands.from(s), AllLanes<T>(), out + s);
  }
  for (; s + N <= slices; s += N) {
    fold_column_tile<T, F, 1>(x + s, n, stride, operands.from(s), AllLanes<T>(), out + s);
  }
  if (s < slices) {
    HWY_ALIGN double tail[static_cast<std::size_t>(N)];
    fold_column_tile<T, F, 1>(x + s, n, stride, operands.from(s), FirstLanes<T>{slices - s}, tail);
    for (std::int64_t i = s; i < slices; ++i) out[i] = tail[i - s];
  }
}

/// f(the fold of this name)
template <class T, class F>
void with_fold(Fold fold, const F& f) {
  switch (fold) {
    case Fold::sum: return f(SumFold<T>());
    case Fold::magnitude_sum: return f(MagnitudeSumFold<T>());
    case Fold::square_deviation: return f(SquareDeviationFold<T>());
    case Fold::exponential_sum: return f(ExponentialFold<T>());
    case Fold::max: return f(ExtremeFold<T, true>());
    case Fold::magnitude_max: return f(MagnitudeMaxFold<T>());
    case Fold::min: return f(ExtremeFold<T, false>());
  }
}

template <class T>
void rows(Fold fold, const T* x, std::int64_t slices, std::int64_t n, std::int64_t stride, Operands<T> o, double* out) {
  with_fold<T>(fold, [&](auto kind) { fold_rows<T, decltype(kind)>(x, slices, n, stride, o, out); });
}

template <class T>
void columns(Fold fold, const T* x, std::int64_t slices, std::int64_t n, std::int64_t stride, Operands<T> o,
             double* out) {
  with_fold<T>(fold, [&](auto kind) { fold_columns<T, decltype(kind)>(x, slices, n, stride, o, out); });
}

TAPEGRAD_KERNEL_TABLE(ReduceTable, rows<T>, columns<T>)

}  // namespace
}  // namespace tapegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad::kernels {
namespace {

TAPEGRAD_EXPORT_KERNEL_TABLE(ReduceTable)

constexpr std::int64_t kTile = 256;  // slices that one task handles at a time

/// How a fold is cut into tasks: slices into chunks, by n and inner alone; a chunk of up to kTile rows (inner is 1), or
/// of up to kTile columns of one outer index, is a task.
struct FoldPlan {
  /// What one task folds: elements [chunk * plan.chunk, ..) of `count` slices.
  struct Part {
    std::int64_t chunk;
    std::int64_t first;   ///< slice
    std::int64_t count;   ///< of slices, kTile at most
    std::int64_t corner;  ///< the first element's place in x
    std::int64_t length;  ///< of the chunk; the last may be shorter
  };

  Slices shape;
  std::int64_t chunk;
  std::int64_t chunks;  ///< of a slice
  std::int64_t groups;  ///< of rows, or else the outer indices
  std::int64_t tiles;   ///< of columns

  explicit FoldPlan(const Slices& slices)
      : shape(slices),
        chunk(rows_per_chunk(slices.inner, 2 * kChunkElements, 128)),  // partial sums: few, of many terms
        chunks(std::max<std::int64_t>(1, ceil_div(slices.n, chunk))),
        groups(along_rows() ? ceil_div(slices.outer, kTile) : slices.outer),
        tiles(along_rows() ? 1 : ceil_div(slices.inner, kTile)) {}

  bool along_rows() const { return shape.inner == 1; }
  std::int64_t slices() const { return shape.outer * shape.inner; }
  std::int64_t tasks() const { return groups * chunks * tiles; }

  Part locate(std::int64_t task) const {
    const std::int64_t tile = task % tiles;
    const std::int64_t c = task / tiles % chunks;
    const std::int64_t group = task / tiles / chunks;
    const std::int64_t start = c * chunk;
    const std::int64_t length = std::min(chunk, shape.n - start);
    if (along_rows()) {
      const std::int64_t first = group * kTile;
      return {c, first, std::min(kTile, shape.outer - first), first * shape.n + start, length};
    }
    const std::int64_t column = tile * kTile;
    return {c, group * shape.inner + column, std::min(kTile, shape.inner - column),
            (group * shape.n + start) * shape.inner + column, length};
  }
};

double combine(Fold fold, double a, double b) {
  if (fold == Fold::max || fold == Fold::magnitude_max) return b > a || std::isnan(b) ? b : a;
  if (fold == Fold::min) return b < a || std::isnan(b) ? b : a;
  return a + b;
}

/// The calling thread's, one for all reductions.
double* room_for_partials(std::int64_t count) {
  static thread_local Scratch scratch;
  return scratch.get<double>(count);
}

/// Calls take(part, results) for each part of the plan, in parallel: the fold of each of the part's slices.
template <class T, class Take>
void fold_chunks(Fold fold, const T* x, const FoldPlan& plan, Operands<T> operands, const Take& take) {
  const ReduceTable<T> kernels = table<T>();
  const std::int64_t work = plan.slices() * plan.shape.n * (fold == Fold::exponential_sum ? 8 : 1);
  const std::int64_t grain = std::max<std::int64_t>(1, plan.tasks() / 256);
  const auto run = plan.along_rows() ? kernels.rows : kernels.columns;
  const std::int64_t stride = plan.along_rows() ? plan.shape.n : plan.shape.inner;
  parallel_for(plan.tasks(), grain, work, [&](std::int64_t begin, std::int64_t end) {
    double results[kTile];
    for (std::int64_t task = begin; task < end; ++task) {
      const FoldPlan::Part part = plan.locate(task);
      run(fold, x + part.corner, part.count, part.length, stride, operands.from(part.first), results);
      take(part, results);
    }
  });
}

/// finish(value, slice), or finish(value, slice, from) if it takes that: an extreme does not stand before the element
/// `from` of its slice.
template <class Finish>
void finish_slice(const Finish& finish, double value, std::int64_t slice, std::int64_t from) {
  if constexpr (std::is_invocable_v<const Finish&, double, std::int64_t, std::int64_t>) {
    finish(value, slice, from);
  } else {
    finish(value, slice);
  }
}

/// Finishes each slice with its chunks' folds, partials [chunks, slices], in order.
template <class Finish>
void combine_chunks(Fold fold, const double* partials, const FoldPlan& plan, const Finish& finish) {
  const std::int64_t slices = plan.slices();
  parallel_for(slices, kTile, plan.chunks * slices, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t s = begin; s < end; ++s) {
      double value = partials[s];
      std::int64_t from = 0;
      for (std::int64_t c = 1; c < plan.chunks; ++c) {
        const double next = combine(fold, value, partials[c * slices + s]);
        if (next != value && !std::isnan(value)) from = c * plan.chunk;
        value = next;
      }
      finish_slice(finish, value, s, from);
    }
  });
}

/// `finish` stores a slice's fold, as in finish_slice().
template <class T, class Finish>
void fold_slices(Fold fold, const T* x, const Slices& shape, Operands<T> operands, const Finish& finish) {
  const FoldPlan plan(shape);
  const std::int64_t slices = plan.slices();
  if (slices == 0) return;
  if (plan.chunks == 1) {
    fold_chunks(fold, x, plan, operands, [&](const FoldPlan::Part& part, const double* results) {
      for (std::int64_t i = 0; i < part.count; ++i) finish_slice(finish, results[i], part.first + i, 0);
    });
    return;
  }
  double* partials = room_for_partials(plan.chunks * slices);
  fold_chunks(fold, x, plan, operands, [&](const FoldPlan::Part& part, const double* results) {
    std::copy_n(results, part.count, partials + part.chunk * slices + part.first);
  });
  combine_chunks(fold, partials, plan, finish);
}

/// The length of a slice whose squares leave the range of double: in units of its largest magnitude.
template <class T>
double scaled_length(const T* x, std::int64_t n, std::int64_t stride) {
  double largest = 0.0;
  for (std::int64_t r = 0; r < n; ++r) largest = std::max(largest, std::abs(static_cast<double>(x[r * stride])));
  if (largest == 0.0 || std::isinf(largest)) return largest;
  double sum = 0.0;
  for (std::int64_t r = 0; r < n; ++r) {
    const double part = static_cast<double>(x[r * stride]) / largest;
    sum += part * part;
  }
  return largest * std::sqrt(sum);
}

/// Rows search the largest in lanes and then its place; columns walk down side by side.
template <class T, bool largest>
void arg_extreme(const T* x, const Slices& shape, std::int64_t* out) {
  const std::int64_t outer = shape.outer, n = shape.n, inner = shape.inner;
  const auto better = [](T a, T b) { return largest ? a > b : a < b; };
  const std::int64_t work = 2 * outer * n * inner;
  if (inner == 1) {
    const auto find = [&, length = n](double value, std::int64_t s, std::int64_t from) {
      const T* row = x + s * length;
      const T* end = row + length;
      const T sought = static_cast<T>(value);
      out[s] = (std::isnan(sought) ? std::find_if(row + from, end, [](T v) { return std::isnan(v); })
                                   : std::find(row + from, end, sought)) -
               row;
    };
    fold_slices<T>(largest ? Fold::max : Fold::min, x, shape, {}, find);
    return;
  }
  const std::int64_t tiles = ceil_div(inner, kTile);
  parallel_for(outer * tiles, 1, work, [&, length = n, width = inner](std::int64_t begin, std::int64_t end) {
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t first = task % tiles * kTile;
      const std::int64_t count = std::min(kTile, width - first);
      const T* corner = x + task / tiles * length * width + first;
      std::int64_t* place = out + task / tiles * width + first;
      T best[kTile];
      std::copy_n(corner, count, best);
      std::fill_n(place, count, 0);
      for (std::int64_t r = 1; r < length; ++r) {
        const T* row = corner + r * width;
        for (std::int64_t i = 0; i < count; ++i) {
          const bool replace = better(row[i], best[i]) || (std::isnan(row[i]) && !std::isnan(best[i]));
          best[i] = replace ? row[i] : best[i];
          place[i] = replace ? r : place[i];
        }
      }
    }
  });
}

}  // namespace

template <class T>
void reduce_sum(const T* x, const Slices& shape, T* out) {
  fold_slices<T>(Fold::sum, x, shape, {}, [&](double v, std::int64_t s) { out[s] = static_cast<T>(v); });
}

template <class T>
void reduce_mean(const T* x, const Slices& shape, T* out) {
  const double n = static_cast<double>(shape.n);
  fold_slices<T>(Fold::sum, x, shape, {}, [&](double v, std::int64_t s) { out[s] = static_cast<T>(v / n); });
}

template <class T>
void reduce_max(const T* x, const Slices& shape, T* out) {
  fold_slices<T>(Fold::max, x, shape, {}, [&](double v, std::int64_t s) { out[s] = static_cast<T>(v); });
}

template <class T>
void reduce_min(const T* x, const Slices& shape, T* out) {
  fold_slices<T>(Fold::min, x, shape, {}, [&](double v, std::int64_t s) { out[s] = static_cast<T>(v); });
}

template <class T>
void reduce_variance(const T* x, const Slices& shape, double correction, T* variance) {
  static thread_local Scratch scratch;
  const std::int64_t slices = shape.outer * shape.inner;
  T* high = scratch.get<T>(2 * slices);
  T* low = high + slices;
  const double n = static_cast<double>(shape.n);
  const double divisor = n > correction ? n - correction : std::numeric_limits<double>::quiet_NaN();
  fold_slices<T>(Fold::sum, x, shape, {}, [&](double v, std::int64_t s) {
    const double m = v / n;
    high[s] = static_cast<T>(m);
    low[s] = static_cast<T>(m - static_cast<double>(high[s]));
  });
  fold_slices<T>(Fold::square_deviation, x, shape, {high, low},
                 [&](double v, std::int64_t s) { variance[s] = static_cast<T>(v / divisor); });
}

template <class T>
void reduce_magnitude_sum(const T* x, const Slices& shape, T* out) {
  fold_slices<T>(Fold::magnitude_sum, x, shape, {}, [&](double v, std::int64_t s) { out[s] = static_cast<T>(v); });
}

template <class T>
void reduce_magnitude_max(const T* x, const Slices& shape, T* out) {
  fold_slices<T>(Fold::magnitude_max, x, shape, {}, [&](double v, std::int64_t s) { out[s] = static_cast<T>(v); });
}

template <class T>
void reduce_length(const T* x, const Slices& shape, T* out) {
  // Squares of larger numbers overflow; sums below have lost the squares of numbers that count.
  constexpr double kLargest = std::numeric_limits<double>::max();
  constexpr double kSmallest = 0x1p-900;
  fold_slices<T>(Fold::square_deviation, x, shape, {}, [&](double squares, std::int64_t s) {
    const bool in_range = squares <= kLargest && squares >= kSmallest;
    if (in_range || std::isnan(squares) || shape.n == 0) {
      out[s] = static_cast<T>(std::sqrt(squares));
    } else {
      const T* slice = x + s / shape.inner * shape.n * shape.inner + s % shape.inner;
      out[s] = static_cast<T>(scaled_length(slice, shape.n, shape.inner));
    }
  });
}

template <class T>
void reduce_logsumexp(const T* x, const Slices& shape, T* out) {
  static thread_local Scratch scratch;
  const std::int64_t slices = shape.outer * shape.inner;
  T* largest = scratch.get<T>(2 * slices);
  T* shift = largest + slices;
  fold_slices<T>(Fold::max, x, shape, {}, [&](double v, std::int64_t s) {
    largest[s] = static_cast<T>(v);
    shift[s] = std::isfinite(largest[s]) ? largest[s] : T(0);
  });
  fold_slices<T>(Fold::exponential_sum, x, shape, {shift, nullptr}, [&](double v, std::int64_t s) {
    out[s] = std::isfinite(largest[s]) ? static_cast<T>(static_cast<double>(largest[s]) + std::log(v)) : largest[s];
  });
}

template <class T>
void reduce_argmax(const T* x, const Slices& shape, std::int64_t* out) {
  arg_extreme<T, true>(x, shape, out);
}

template <class T>
void reduce_argmin(const T* x, const Slices& shape, std::int64_t* out) {
  arg_extreme<T, false>(x, shape, out);
}

#define TAPEGRAD_REDUCE(T)                                             \
  template void reduce_sum(const T*, const Slices&, T*);               \
  template void reduce_mean(const T*, const Slices&, T*);              \
  template void reduce_max(const T*, const Slices&, T*);               \
  template void reduce_min(const T*, const Slices&, T*);               \
  template void reduce_variance(const T*, const Slices&, double, T*);  \
  template void reduce_magnitude_sum(const T*, const Slices&, T*);     \
  template void reduce_magnitude_max(const T*, const Slices&, T*);     \
  template void reduce_length(const T*, const Slices&, T*);            \
  template void reduce_logsumexp(const T*, const Slices&, T*);         \
  template void reduce_argmax(const T*, const Slices&, std::int64_t*); \
  template void reduce_argmin(const T*, const Slices&, std::int64_t*)
TAPEGRAD_REDUCE(float);
TAPEGRAD_REDUCE(double);
#undef TAPEGRAD_REDUCE

}  // namespace tapegrad::kernels
#endif  // HWY_ONCE
