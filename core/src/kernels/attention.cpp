#include "kernels/attention.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/attention.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.
#include "kernels/pack-inl.hpp"
#include "kernels/rows-inl.hpp"

#ifndef TAPEGRAD_KERNELS_ATTENTION_TABLE
#define TAPEGRAD_KERNELS_ATTENTION_TABLE
#include <algorithm>

#include "kernels/parallel.hpp"
#include "kernels/scratch.hpp"

namespace tapegrad::kernels {

/// What the reverse sweep reads and writes beside the forward's inputs.
template <class T>
struct AttentionGradients {
  Heads<const T> o;
  RowSoftmax<const T> kept;
  Heads<const T> dout;
  Heads<T> dq, dk, dv;
};

template <class T>
struct AttentionTable {
  void (*forward)(const Attention<T>&, std::int64_t b, std::int64_t h, const Heads<T>& o, const RowSoftmax<T>&,
                  Scratch&);
  void (*backward)(const Attention<T>&, std::int64_t b, std::int64_t h, const AttentionGradients<T>&, Scratch&);
};

}  // namespace tapegrad::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace tapegrad::kernels::HWY_NAMESPACE {
namespace {

template <class T>
inline constexpr T kLowest = -std::numeric_limits<T>::infinity();

/// Vectors of a tile's row that stay in registers, beside 4 rows.
inline constexpr int kVectors = HWY_TARGET == HWY_AVX3 ? 4 : 2;

/// A matrix with contiguous rows.
template <class T>
struct Rows {
  T* data;
  std::int64_t stride;
  T* at(std::int64_t r) const { return data + r * stride; }
};

template <class T>
Rows<T> rows_of(const Heads<T>& x, std::int64_t b, std::int64_t h) {
  return {x.data ? x.at(b, h) : nullptr, x.strides.position};
}

/// A matrix that is read one element at a time.
template <class T>
struct Factor {
  const T* data;
  std::int64_t row, column;  // strides
};

/// One tile of c = a b (or c += a b): each element is one sum over `depth` in order, whichever tile it falls in.
template <class T, int rows, int vectors, bool accumulate, class Access>
HWY_INLINE void multiply_tile(std::int64_t depth, Factor<T> a, const T* b, std::int64_t b_stride, T* c,
                              std::int64_t c_stride, Access lanes) {
  constexpr std::int64_t N = lane_count<T>();
  Lanes<T> sums[rows][vectors];
  for (int r = 0; r < rows; ++r) {
    for (int v = 0; v < vectors; ++v) sums[r][v] = accumulate ? lanes.load(c + r * c_stride + v * N) : splat<T>(0);
  }
  for (std::int64_t k = 0; k < depth; ++k) {
    Lanes<T> right[vectors];
    for (int v = 0; v < vectors; ++v) right[v] = lanes.load(b + k * b_stride + v * N);
    for (int r = 0; r < rows; ++r) {
      const Lanes<T> left = splat(a.data[r * a.row + k * a.column]);
      for (int v = 0; v < vectors; ++v) sums[r][v] = hn::MulAdd(left, right[v], sums[r][v]);
    }
  }
  for (int r = 0; r < rows; ++r) {
    for (int v = 0; v < vectors; ++v) lanes.store(sums[r][v], c + r * c_stride + v * N);
  }
}

template <class T, int rows, bool accumulate>
HWY_NOINLINE void multiply_rows(std::int64_t n, std::int64_t depth, Factor<T> a, Rows<const T> b, Rows<T> c) {
  constexpr std::int64_t N = lane_count<T>();
  std::int64_t j = 0;
  for (; j + kVectors * N <= n; j += kVectors * N) {
    multiply_tile<T, rows, kVectors, accumulate>(depth, a, b.data + j, b.stride, c.data + j, c.stride, AllLanes<T>());
  }
  for (; j + N <= n; j += N) {
    multiply_tile<T, rows, 1, accumulate>(depth, a, b.data + j, b.stride, c.data + j, c.stride, AllLanes<T>());
  }
  if (j < n) {
    multiply_tile<T, rows, 1, accumulate>(depth, a, b.data + j, b.stride, c.data + j, c.stride, FirstLanes<T>{n - j});
  }
}

/// c[m, n] = a[m, depth] b[depth, n], or c += a b.
template <class T, bool accumulate>
void multiply(std::int64_t m, std::int64_t n, std::int64_t depth, Factor<T> a, Rows<const T> b, Rows<T> c) {
  std::int64_t i = 0;
  for (; i + 4 <= m; i += 4) {
    multiply_rows<T, 4, accumulate>(n, depth, {a.data + i * a.row, a.row, a.column}, b, {c.at(i), c.stride});
  }
  const Factor<T> rest{a.data + i * a.row, a.row, a.column};
  switch (m - i) {
    case 3: return multiply_rows<T, 3, accumulate>(n, depth, rest, b, {c.at(i), c.stride});
    case 2: return multiply_rows<T, 2, accumulate>(n, depth, rest, b, {c.at(i), c.stride});
    case 1: return multiply_rows<T, 1, accumulate>(n, depth, rest, b, {c.at(i), c.stride});
    default: return;
  }
}

/// out[width, padded] = the transpose of x[n, width], so that scores can be formed a vector of keys at a time. Columns
/// from n on belong to no key.
template <class T>
HWY_NOINLINE void transpose(Rows<const T> x, std::int64_t n, std::int64_t width, std::int64_t padded, T* out) {
  if (n > 0) pack_panel(Tag<T>(), width, n, padded, x.data, 1, x.stride, out);
}

/// The scores of a tile of queries of one head, and the memory for it.
template <class T>
class Scores {
 public:
  static constexpr std::int64_t kRows = 32;

  /// `tiles` as large as the scores'; the transposed values only if the caller needs them.
  Scores(const Attention<T>& facts, std::int64_t b, std::int64_t h, std::int64_t tiles, bool with_values,
         Scratch& scratch)
      : f_(facts), b_(b), h_(h), padded_(row_length(facts.keys)) {
    const std::int64_t values = with_values ? f_.value_width * padded_ : 0;
    tile_rows_ = std::min(kRows, f_.queries);
    T* memory = scratch.get<T>(f_.width * padded_ + values + padded_ + tiles * tile_rows_ * padded_);
    keys_ = memory;
    values_ = keys_ + f_.width * padded_;
    open_ = values_ + values;
    tiles_ = open_ + padded_;
    transpose<T>(k(), f_.keys, f_.width, padded_, keys_);
    if (with_values) transpose<T>(v(), f_.keys, f_.value_width, padded_, values_);
    const bool* valid = f_.valid_keys ? f_.valid_keys + b * f_.keys : nullptr;
    for (std::int64_t j = 0; j < padded_; ++j) open_[j] = j < f_.keys && (!valid || valid[j]) ? T(1) : T(0);
    guarded_ = hides_infinite(v(), f_.value_width) || (with_values && hides_infinite(k(), f_.width));
  }

  /// Whether query i sees key j.
  bool sees(std::int64_t i, std::int64_t j) const {
    const PairMask& m = f_.pairs;
    return open_[j] != T(0) && (!f_.causal || j <= i) &&
           (!m.keep || m.keep[b_ * m.batch + h_ * m.head + i * m.query + j * m.key]);
  }
  /// Whether a key that is hidden from a query holds NaN or inf: its weight is 0, and 0 times that is NaN.
  bool guarded() const { return guarded_; }
  /// out[i] = sum_j a[i, j] b[j] over the keys that i sees, for the queries [begin, end): with finite b the same bits
  /// as the product over all keys, where a is 0 at those hidden.
  void multiply_seen(std::int64_t begin, std::int64_t end, std::int64_t width, Rows<const T> a, Rows<const T> b,
                     Rows<T> out) const {
    for (std::int64_t i = begin; i < end; ++i) {
      T* sum = out.at(i);
      std::fill_n(sum, width, T(0));
      for (std::int64_t j = 0; j < seen_keys(end); ++j) {
        if (!sees(i, j)) continue;
        const Lanes<T> factor = splat(a.at(i - begin)[j]);
        const T* row = b.at(j);
        each_vector<T>(width, [&](std::int64_t c, auto lanes, auto) HWY_ATTR {
          lanes.store(hn::MulAdd(factor, lanes.load(row + c), lanes.load(sum + c)), sum + c);
        });
      }
    }
  }

  Rows<const T> q() const { return rows_of(f_.q, b_, h_); }
  Rows<const T> k() const { return rows_of(f_.k, b_, h_); }
  Rows<const T> v() const { return rows_of(f_.v, b_, h_); }
  /// The values, [value_width, padded].
  Rows<const T> transposed_values() const { return {values_, padded_}; }
  Rows<T> tile(std::int64_t index) const { return {tiles_ + index * tile_rows_ * padded_, padded_}; }

  /// Keys that any of the queries [.., end) may see.
  std::int64_t seen_keys(std::int64_t end) const { return f_.causal ? std::min(f_.keys, end) : f_.keys; }
  std::int64_t whole_vectors(std::int64_t n) const {
    return (n + lane_count<T>() - 1) / lane_count<T>() * lane_count<T>();
  }

  /// tile(0) = scale q k^T for the queries [begin, end), -inf where a query does not see a key. Rows are `padded`
  /// apart, whole vectors of them written.
  void compute(std::int64_t begin, std::int64_t end) const {
    const std::int64_t n = whole_vectors(seen_keys(end));
    const Rows<T> s = tile(0);
    multiply<T, false>(end - begin, n, f_.width, {q().at(begin), q().stride, 1}, {keys_, padded_}, s);
    const Lanes<T> scale = splat(static_cast<T>(f_.scale));
    const Lanes<T> lowest = splat(kLowest<T>);
    const Lanes<T> zero = splat(T(0));
    for (std::int64_t i = begin; i < end; ++i) {
      T* row = s.at(i - begin);
      each_vector<T>(n, [&](std::int64_t j, auto lanes, auto) HWY_ATTR {
        const auto shut = hn::Eq(lanes.load(open_ + j), zero);
        lanes.store(hn::IfThenElse(shut, lowest, hn::Mul(lanes.load(row + j), scale)), row + j);
      });
      if (f_.causal && i + 1 < n) std::fill(row + i + 1, row + n, kLowest<T>);
      if (f_.pairs.keep) {
        const PairMask& m = f_.pairs;
        const bool* keep = m.keep + b_ * m.batch + h_ * m.head + i * m.query;
        const std::int64_t keys = seen_keys(end);
        for (std::int64_t j = 0; j < keys; ++j) row[j] = keep[j * m.key] ? row[j] : kLowest<T>;
      }
    }
  }

 private:
  /// Only rows that are hidden from some query are read.
  bool hides_infinite(Rows<const T> x, std::int64_t width) const {
    const bool some_pairs = f_.causal || f_.pairs.keep;
    if (!some_pairs && !f_.valid_keys) return false;
    Lanes<T> zeros = splat(T(0));  // 0 x is NaN where x is not finite, and so is the sum
    for (std::int64_t j = 0; j < f_.keys; ++j) {
      if (!some_pairs && open_[j] != T(0)) continue;
      const T* row = x.at(j);
      each_vector<T>(width, [&](std::int64_t c, auto lanes, auto)
                                HWY_ATTR { zeros = hn::MulAdd(lanes.load(row + c), splat(T(0)), zeros); });
    }
    return !hn::AllTrue(Tag<T>(), hn::Eq(zeros, splat(T(0))));
  }

  /// An odd number of whole vectors: rows a power of two apart would share a few sets of the cache.
  static std::int64_t row_length(std::int64_t n) {
    constexpr std::int64_t N = lane_count<T>();
    return ((n + N - 1) / N | 1) * N;
  }

  const Attention<T>& f_;
  std::int64_t b_, h_, padded_, tile_rows_;
  T* keys_;    // [width, padded]
  T* values_;  // [value_width, padded]
  T* open_;    // [padded]: 1 for a valid key, else 0
  T* tiles_;
  bool guarded_;
};

template <class T>
HWY_NOINLINE void head_forward(const Attention<T>& f, std::int64_t b, std::int64_t h, const Heads<T>& o,
                               const RowSoftmax<T>& kept, Scratch& scratch) {
  const Scores<T> scores(f, b, h, 1, false, scratch);
  const std::int64_t first_row = (b * f.heads + h) * f.queries;
  const Rows<T> p = scores.tile(0);
  const Rows<T> out = rows_of(o, b, h);
  for (std::int64_t begin = 0; begin < f.queries; begin += Scores<T>::kRows) {
    const std::int64_t end = std::min(f.queries, begin + Scores<T>::kRows);
    scores.compute(begin, end);
    const std::int64_t n = scores.whole_vectors(scores.seen_keys(end));
    for (std::int64_t i = begin; i < end; ++i) {
      T* row = p.at(i - begin);
      const T max = kept.max[first_row + i] = row_max(row, n);
      T& inverse_sum = kept.inverse_sum[first_row + i] = 1;
      if (!std::isfinite(max)) {
        std::fill_n(row, n, max == kLowest<T> ? T(0) : std::numeric_limits<T>::quiet_NaN());
        continue;
      }
      inverse_sum = static_cast<T>(1 / row_exp(row, n, max, row));
      const Lanes<T> factor = splat(inverse_sum);
      each_vector<T>(n, [&](std::int64_t j, auto lanes, auto)
                            HWY_ATTR { lanes.store(hn::Mul(lanes.load(row + j), factor), row + j); });
    }
    if (scores.guarded()) {
      scores.multiply_seen(begin, end, f.value_width, {p.data, p.stride}, scores.v(), out);
      continue;
    }
    multiply<T, false>(end - begin, f.value_width, scores.seen_keys(end), {p.data, p.stride, 1}, scores.v(),
                       {out.at(begin), out.stride});
  }
}

template <class T>
HWY_INLINE double dot(const T* a, const T* b, std::int64_t n) {
  Wide<T> sum[2] = {wide_zero<T>(), wide_zero<T>()};
  each_vector<T>(n, [&](std::int64_t i, auto lanes, auto k) HWY_ATTR {
    sum[k] = multiply_add(widen(lanes.load(a + i)), widen(lanes.load(b + i)), sum[k]);
  });
  return total(add(sum[0], sum[1]));
}

template <class T>
void clear(Rows<T> x, std::int64_t n, std::int64_t width) {
  for (std::int64_t i = 0; i < n; ++i) std::fill_n(x.at(i), width, T(0));
}

template <class T>
HWY_NOINLINE void head_backward(const Attention<T>& f, std::int64_t b, std::int64_t h, const AttentionGradients<T>& g,
                                Scratch& scratch) {
  const Scores<T> scores(f, b, h, 2, true, scratch);
  const T* max = g.kept.max + (b * f.heads + h) * f.queries;
  const T* inverse_sum = g.kept.inverse_sum + (b * f.heads + h) * f.queries;
  const Rows<T> p = scores.tile(0);
  const Rows<T> ds = scores.tile(1);
  const Rows<const T> o = rows_of(g.o, b, h);
  const Rows<const T> dout = rows_of(g.dout, b, h);
  const Rows<T> dq = rows_of(g.dq, b, h);
  const Rows<T> dk = rows_of(g.dk, b, h);
  const Rows<T> dv = rows_of(g.dv, b, h);
  if (g.dk.data) clear(dk, f.keys, f.width);
  if (g.dv.data) clear(dv, f.keys, f.value_width);
  const Lanes<T> scale = splat(static_cast<T>(f.scale));
  for (std::int64_t begin = 0; begin < f.queries; begin += Scores<T>::kRows) {
    const std::int64_t end = std::min(f.queries, begin + Scores<T>::kRows);
    const std::int64_t rows = end - begin;
    const std::int64_t keys = scores.seen_keys(end);
    const std::int64_t n = scores.whole_vectors(keys);
    scores.compute(begin, end);
    // dp = do v^T, which the loop below turns into dS.
    multiply<T, false>(rows, n, f.value_width, {dout.at(begin), dout.stride, 1}, scores.transposed_values(), ds);
    for (std::int64_t i = begin; i < end; ++i) {
      T* p_row = p.at(i - begin);
      T* ds_row = ds.at(i - begin);
      if (!std::isfinite(max[i])) {
        const T value = max[i] == kLowest<T> ? T(0) : std::numeric_limits<T>::quiet_NaN();
        std::fill_n(p_row, n, value);
        std::fill_n(ds_row, n, value);
        continue;
      }
      const Lanes<T> shift = splat(max[i]);
      const Lanes<T> factor = splat(inverse_sum[i]);
      const Lanes<T> mean = splat(static_cast<T>(dot(dout.at(i), o.at(i), f.value_width)));
      each_vector<T>(n, [&](std::int64_t j, auto lanes, auto) HWY_ATTR {
        const Lanes<T> probability = hn::Mul(exponential<T>(hn::Sub(lanes.load(p_row + j), shift)), factor);
        lanes.store(probability, p_row + j);
        const Lanes<T> d = hn::Mul(probability, hn::Sub(lanes.load(ds_row + j), mean));
        lanes.store(hn::Mul(d, scale), ds_row + j);
      });
    }
    if (scores.guarded()) {
      for (std::int64_t i = begin; i < end; ++i)
        for (std::int64_t j = 0; j < keys; ++j)
          if (!scores.sees(i, j)) p.at(i - begin)[j] = ds.at(i - begin)[j] = T(0);
      if (g.dq.data) scores.multiply_seen(begin, end, f.width, {ds.data, ds.stride}, scores.k(), dq);
    } else if (g.dq.data) {
      multiply<T, false>(rows, f.width, keys, {ds.data, ds.stride, 1}, scores.k(), {dq.at(begin), dq.stride});
    }
    if (g.dk.data) {
      multiply<T, true>(keys, f.width, rows, {ds.data, 1, ds.stride}, {scores.q().at(begin), scores.q().stride}, dk);
    }
    if (g.dv.data) {
      multiply<T, true>(keys, f.value_width, rows, {p.data, 1, p.stride}, {dout.at(begin), dout.stride}, dv);
    }
  }
}

TAPEGRAD_KERNEL_TABLE(AttentionTable, head_forward<T>, head_backward<T>)

}  // namespace
}  // namespace tapegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tapegrad::kernels {
namespace {

TAPEGRAD_EXPORT_KERNEL_TABLE(AttentionTable)

/// body(b, h, scratch) for each head.
template <class T, class Body>
void for_heads(const Attention<T>& f, const Body& body) {
  const std::int64_t work = f.batch * f.heads * f.queries * (f.keys + 8) * (f.width + f.value_width + 16) / 4;
  parallel_for(f.batch * f.heads, 1, work, [&](std::int64_t begin, std::int64_t end) {
    static thread_local Scratch scratch;
    for (std::int64_t i = begin; i < end; ++i) body(i / f.heads, i % f.heads, scratch);
  });
}

}  // namespace

template <class T>
void attention_forward(const Attention<T>& facts, const Heads<T>& o, const RowSoftmax<T>& kept) {
  const auto kernel = table<T>().forward;
  for_heads(facts, [&](std::int64_t b, std::int64_t h, Scratch& scratch) { kernel(facts, b, h, o, kept, scratch); });
}

template <class T>
void attention_backward(const Attention<T>& facts, const Heads<const T>& o, const RowSoftmax<const T>& kept,
                        const Heads<const T>& dout, const Heads<T>& dq, const Heads<T>& dk, const Heads<T>& dv) {
  const auto kernel = table<T>().backward;
  const AttentionGradients<T> gradients{o, kept, dout, dq, dk, dv};
  for_heads(facts, [&](std::int64_t b, std::int64_t h, Scratch& scratch) { kernel(facts, b, h, gradients, scratch); });
}

#define TAPEGRAD_ATTENTION(T)                                                                              \
  template void attention_forward(const Attention<T>&, const Heads<T>&, const RowSoftmax<T>&);             \
  template void attention_backward(const Attention<T>&, const Heads<const T>&, const RowSoftmax<const T>&, \
                                   const Heads<const T>&, const Heads<T>&, const Heads<T>&, const Heads<T>&)
TAPEGRAD_ATTENTION(float);
TAPEGRAD_ATTENTION(double);
#undef TAPEGRAD_ATTENTION

}  // namespace tapegrad::kernels
#endif  // HWY_ONCE
