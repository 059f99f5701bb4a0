#include "kernels/attention.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/attention.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.
#include "kernels/attention_scores-inl.hpp"
#include "kernels/product-inl.hpp"
#include "kernels/rows-inl.hpp"

#ifndef TAPEGRAD_KERNELS_ATTENTION_TABLE
#define TAPEGRAD_KERNELS_ATTENTION_TABLE
#include <algorithm>

#include "base/ceil_div.hpp"
#include "kernels/gemm.hpp"
#include "kernels/parallel.hpp"
#include "kernels/scratch.hpp"

namespace tapegrad::kernels {

/// What the reverse sweep of all heads reads and writes beside the forward's inputs.
template <class T>
struct AttentionGradients {
  RowSoftmax<const T> kept;
  Heads<const T> dout;
  Heads<T> dq, dk, dv;
  OfPairs<T> dbias;
  OfPairs<double> shared_dbias;
};

template <class T>
struct AttentionTable {
  /// Of a head the tiles first, first + step, ... of kTileQueries queries.
  void (*forward)(const Attention<T>&, std::int64_t b, std::int64_t h, std::int64_t first, std::int64_t step,
                  const Heads<T>& o, const RowSoftmax<T>&, Scratch&);
  void (*backward)(const Attention<T>&, std::int64_t b, std::int64_t h, const AttentionGradients<T>&, Scratch&);
};

}  // namespace tapegrad::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace tapegrad::kernels::HWY_NAMESPACE {
namespace {

/// What is taken from the scores of a query before their exponentials: the largest; 0 where there is none.
template <class T>
HWY_INLINE Vector<T> shift_of(Vector<T> max) {
  return hn::IfThenZeroElse(hn::Eq(max, splat(kHidden<T>)), max);
}

/// 1 / sum; 1 where no key is seen.
HWY_INLINE DoubleVector inverse(DoubleVector sum) {
  const DoubleVector one = splat(1.0);
  return hn::Div(one, hn::IfThenElse(hn::Eq(sum, splat(0.0)), one, sum));
}
HWY_INLINE Vector<double> inverse(Wide<double> sum) { return inverse(sum.all); }
HWY_INLINE Vector<float> inverse(Wide<float> sum) { return narrow({inverse(sum.low), inverse(sum.high)}); }

/// exp(score - shift), the weight of a key before the division by their sum; 0 where it has faded, as with a bias that
/// falls with the distance: the products that come next would run into subnormal numbers.
template <class T>
HWY_INLINE Vector<T> weight_below(Vector<T> score, Vector<T> shift) {
  return unless_faded<T>(exponential<T>(hn::Sub(score, shift)));
}

template <class T>
HWY_NOINLINE void head_forward(const Attention<T>& f, std::int64_t b, std::int64_t h, std::int64_t first,
                               std::int64_t step, const Heads<T>& o, const RowSoftmax<T>& kept, Scratch& scratch) {
  constexpr std::int64_t N = lane_count<T>();
  const Scores<T> scores(f, b, h, 1, scratch);
  const std::int64_t first_row = (b * f.heads + h) * f.queries;
  const Rows<T> p = scores.tile(0);
  const Rows<T> out = rows_of(o, b, h);
  const T scale = static_cast<T>(f.scale);
  for (std::int64_t begin = first * kTileQueries; begin < f.queries; begin += step * kTileQueries) {
    const std::int64_t end = std::min(f.queries, begin + kTileQueries);
    const std::int64_t keys = scores.seen_keys(end);
    scores.multiply_by_queries(begin, end, f.width, scores.k(), scores.q(), p);
    if (scores.drops()) scores.draw(begin, end);
    if (scores.biased()) scores.add_bias(begin, end, scale, p);
    const T factor_left = scores.biased() ? T(1) : scale;
    for (std::int64_t i = begin; i < end; i += N) {
      const Rows<T> column = {p.data + (i - begin), p.stride};
      Vector<T> best[2] = {splat(kHidden<T>), splat(kHidden<T>)};
      scores.each_key(i, keys, column, factor_left, [&](std::int64_t j, Vector<T> s, auto k) HWY_ATTR {
        hn::StoreU(s, Tag<T>(), column.at(j));
        best[k] = hn::Max(s, best[k]);
      });
      const Vector<T> max = hn::Max(best[0], best[1]);
      const Vector<T> shift = shift_of<T>(max);
      Wide<T> sum = wide_zero<T>();
      for (std::int64_t j = 0; j < keys; ++j) {
        const Vector<T> e = weight_below<T>(hn::LoadU(Tag<T>(), column.at(j)), shift);
        hn::StoreU(e, Tag<T>(), column.at(j));
        sum = add(sum, widen(e));
      }
      const Vector<T> factor = inverse(sum);
      for (std::int64_t j = 0; j < keys; ++j)
        hn::StoreU(hn::Mul(hn::LoadU(Tag<T>(), column.at(j)), factor), Tag<T>(), column.at(j));
      if (scores.drops()) scores.drop(column, i - begin, keys);
      const FirstLanes<T> lanes{std::min(N, end - i)};
      // Max passes over NaN; a query that sees one is not one that sees nothing.
      lanes.store(hn::IfThenElse(hn::IsNaN(factor), factor, max), kept.max + first_row + i);
      lanes.store(factor, kept.inverse_sum + first_row + i);
    }
    if (scores.guarded()) {
      scores.multiply_seen(begin, end, f.value_width, p, scores.v(), out);
    } else {
      multiply<T>(end - begin, f.value_width, {keys, transposed(p), scores.v(), out.from(begin), false});
    }
  }
}

template <class T>
void clear(Rows<T> x, std::int64_t begin, std::int64_t end, std::int64_t width) {
  for (std::int64_t i = begin; i < end; ++i) std::fill_n(x.at(i), width, T(0));
}

/// AttentionGradients of one head.
template <class T>
struct HeadGradients {
  RowSoftmax<const T> kept;
  Rows<const T> dout;
  Rows<T> dq, dk, dv;
  OfPairs<T> dbias;  // of this head: the first two strides are not used
  OfPairs<double> shared_dbias;

  HeadGradients(const Attention<T>& f, const AttentionGradients<T>& g, std::int64_t b, std::int64_t h)
      : kept{g.kept.max + (b * f.heads + h) * f.queries, g.kept.inverse_sum + (b * f.heads + h) * f.queries},
        dout(rows_of(g.dout, b, h)),
        dq(rows_of(g.dq, b, h)),
        dk(rows_of(g.dk, b, h)),
        dv(rows_of(g.dv, b, h)),
        dbias(g.dbias),
        shared_dbias(g.shared_dbias) {
    if (dbias.data) dbias.data = dbias.at(b, h, 0);
    if (shared_dbias.data) shared_dbias.data = shared_dbias.at(b, h, 0);
  }
};

/// Of the vector of queries from i on, in a tile that begins with the query `begin`: turns dp, whose mean under the
/// weights is given, into scale dS, in place, and the bias, if there is one, into dS.
template <class T>
HWY_INLINE void subtract_mean(const Scores<T>& scores, std::int64_t begin, std::int64_t i, std::int64_t keys, T scale,
                              Vector<T> mean, Rows<T> p_column, Rows<T> ds_column) {
  if (scores.biased()) {
    scores.each_key(i, keys, p_column, T(1), [&](std::int64_t j, Vector<T> weight, auto) HWY_ATTR {
      T* const bias = scores.bias().at(j) + (i - begin);
      const auto hidden =
          hn::Or(hn::Eq(weight, splat(kHidden<T>)), hn::Eq(hn::LoadU(Tag<T>(), bias), splat(kHidden<T>)));
      const Vector<T> beyond_mean = hn::Sub(hn::LoadU(Tag<T>(), ds_column.at(j)), mean);
      const Vector<T> d = hn::Mul(hn::Mul(weight, splat(scale)), beyond_mean);
      hn::StoreU(hn::IfThenZeroElse(hidden, d), Tag<T>(), ds_column.at(j));
      hn::StoreU(hn::IfThenZeroElse(hidden, hn::Mul(weight, beyond_mean)), Tag<T>(), bias);
    });
  } else {
    scores.each_key(i, keys, p_column, scale, [&](std::int64_t j, Vector<T> weight, auto) HWY_ATTR {
      const auto hidden = hn::Eq(weight, splat(kHidden<T>));
      const Vector<T> d = hn::Mul(weight, hn::Sub(hn::LoadU(Tag<T>(), ds_column.at(j)), mean));
      hn::StoreU(hn::IfThenZeroElse(hidden, d), Tag<T>(), ds_column.at(j));
    });
  }
}

/// Of the queries [begin, end): turns scores into the weights of the values, in place, dp into scale dS, and the bias,
/// if there is one, into dS.
template <class T>
HWY_INLINE void through_softmax(const Scores<T>& scores, std::int64_t begin, std::int64_t end, T scale,
                                const RowSoftmax<const T>& kept, Rows<T> p, Rows<T> ds) {
  constexpr std::int64_t N = lane_count<T>();
  const std::int64_t keys = scores.seen_keys(end);
  if (scores.biased()) scores.add_bias(begin, end, scale, p);
  const T factor_left = scores.biased() ? T(1) : scale;
  for (std::int64_t i = begin; i < end; i += N) {
    const FirstLanes<T> lanes{std::min(N, end - i)};
    const Vector<T> shift = shift_of<T>(lanes.load(kept.max + i));
    const Vector<T> factor = lanes.load(kept.inverse_sum + i);
    const Rows<T> p_column = {p.data + (i - begin), p.stride};
    const Rows<T> ds_column = {ds.data + (i - begin), ds.stride};
    if (scores.drops()) scores.drop(ds_column, i - begin, keys);
    // The mean of dp is that of the same rounded numbers from which it is taken: do . o would be as much, but for
    // roundings of o, which do not cancel where one key has all the weight.
    Wide<T> sum[2] = {wide_zero<T>(), wide_zero<T>()};
    scores.each_key(i, keys, p_column, factor_left, [&](std::int64_t j, Vector<T> s, auto k) HWY_ATTR {
      // What is hidden may be so large that dp is infinite, and what is seen beside it NaN.
      const auto hidden = hn::Eq(s, splat(kHidden<T>));
      const Vector<T> probability = hn::IfThenZeroElse(hidden, hn::Mul(weight_below<T>(s, shift), factor));
      const Vector<T> dp = hn::IfThenZeroElse(hidden, hn::LoadU(Tag<T>(), ds_column.at(j)));
      hn::StoreU(probability, Tag<T>(), p_column.at(j));
      hn::StoreU(dp, Tag<T>(), ds_column.at(j));
      sum[k] = multiply_add(widen(probability), widen(dp), sum[k]);
    });
    const Vector<T> mean = narrow(add(sum[0], sum[1]));
    subtract_mean(scores, begin, i, keys, scale, mean, p_column, ds_column);
    if (scores.drops()) scores.drop(p_column, i - begin, keys);
  }
}

/// Adds what the queries [begin, end) give to the gradients of the keys that they may see; the first tile writes them.
template <class T>
HWY_INLINE void into_keys(const Attention<T>& f, const Scores<T>& scores, std::int64_t begin, std::int64_t end,
                          const HeadGradients<T>& g, Rows<T> p, Rows<T> ds) {
  const std::int64_t keys = scores.seen_keys(end);
  // Queries that see no key are left out, whatever they and their cotangents hold.
  bool accumulate = begin > 0;
  std::int64_t first = begin;
  while (first < end) {
    std::int64_t last = first;
    while (last < end && g.kept.max[last] != kHidden<T>) ++last;
    if (first < last) {
      const auto part = [=](Rows<T> of_keys) {
        return plain(Rows<const T>{of_keys.data + (first - begin), of_keys.stride});
      };
      if (g.dk.data) multiply<T>(keys, f.width, {last - first, part(ds), scores.q().from(first), g.dk, accumulate});
      if (g.dv.data) multiply<T>(keys, f.value_width, {last - first, part(p), g.dout.from(first), g.dv, accumulate});
      accumulate = true;
    }
    first = last + 1;
  }
  if (accumulate) return;
  if (g.dk.data) clear(g.dk, 0, keys, f.width);
  if (g.dv.data) clear(g.dv, 0, keys, f.value_width);
}

/// Adds dS [keys, queries] of a tile, whose first query is `begin`, to the gradient of the bias.
template <class T, class Sum>
void into_bias(Rows<const T> ds, std::int64_t keys, std::int64_t begin, std::int64_t end, const OfPairs<Sum>& dbias) {
  const auto sum = [](const T* terms, std::int64_t count, std::int64_t stride) {
    Sum total = 0;
    for (std::int64_t i = 0; i < count; ++i) total += terms[i * stride];
    return total;
  };
  if (dbias.query == 0) {
    for (std::int64_t j = 0; j < keys; ++j) dbias.data[j * dbias.key] += sum(ds.at(j), end - begin, 1);
    return;
  }
  for (std::int64_t i = begin; i < end; ++i) {
    Sum* const row = dbias.at(0, 0, i);
    const T* const terms = ds.data + (i - begin);
    if (dbias.key == 0) {
      *row += sum(terms, keys, ds.stride);
    } else {
      for (std::int64_t j = 0; j < keys; ++j) row[j * dbias.key] += terms[j * ds.stride];
    }
  }
}

template <class T>
HWY_NOINLINE void head_backward(const Attention<T>& f, std::int64_t b, std::int64_t h, const AttentionGradients<T>& all,
                                Scratch& scratch) {
  const Scores<T> scores(f, b, h, 2, scratch);
  const HeadGradients<T> g(f, all, b, h);
  const Rows<T> p = scores.tile(0);
  const Rows<T> ds = scores.tile(1);
  // The first tile writes the gradients of the keys it may see, the others add to them.
  const std::int64_t written = f.queries > 0 ? scores.seen_keys(std::min(f.queries, kTileQueries)) : 0;
  if (g.dk.data) clear(g.dk, written, f.keys, f.width);
  if (g.dv.data) clear(g.dv, written, f.keys, f.value_width);
  for (std::int64_t begin = 0; begin < f.queries; begin += kTileQueries) {
    const std::int64_t end = std::min(f.queries, begin + kTileQueries);
    const std::int64_t keys = scores.seen_keys(end);
    scores.multiply_by_queries(begin, end, f.width, scores.k(), scores.q(), p);
    scores.multiply_by_queries(begin, end, f.value_width, scores.v(), g.dout, ds);  // dp = v do^T
    if (scores.drops()) scores.draw(begin, end);
    through_softmax(scores, begin, end, static_cast<T>(f.scale), g.kept, p, ds);
    if (g.dbias.data) into_bias<T>(scores.bias(), keys, begin, end, g.dbias);
    if (g.shared_dbias.data) into_bias<T>(scores.bias(), keys, begin, end, g.shared_dbias);
    if (scores.guarded()) {
      for (std::int64_t j = 0; j < keys; ++j)
        for (std::int64_t i = begin; i < end; ++i)
          if (!scores.sees(i, j)) p.at(j)[i - begin] = ds.at(j)[i - begin] = T(0);
      if (g.dq.data) scores.multiply_seen(begin, end, f.width, ds, scores.k(), g.dq);
    } else if (g.dq.data) {
      multiply<T>(end - begin, f.width, {keys, transposed(ds), scores.k(), g.dq.from(begin), false});
    }
    into_keys(f, scores, begin, end, g, p, ds);
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

/// body(i, scratch) for tasks that share out attention's work evenly.
template <class T, class Body>
void for_tasks(const Attention<T>& f, std::int64_t tasks, const Body& body) {
  const double pairs = static_cast<double>(f.batch * f.heads * f.queries) * static_cast<double>(f.keys + 8);
  const double work = pairs * static_cast<double>(f.width + f.value_width + 16) / 4;
  constexpr double kMost = 1e15;  // keys without features may be more than any memory has room for
  parallel_for(tasks, 1, static_cast<std::int64_t>(std::min(work, kMost)), [&](std::int64_t begin, std::int64_t end) {
    static thread_local Scratch scratch;
    for (std::int64_t i = begin; i < end; ++i) body(i, scratch);
  });
}

}  // namespace

template <class T>
void attention_forward(const Attention<T>& facts, const Heads<T>& o, const RowSoftmax<T>& kept) {
  const auto kernel = table<T>().forward;
  // Where heads cannot be shared out evenly, threads share their tiles, which are independent; under a causal mask they
  // grow from the first to the last, so that each part takes some from everywhere.
  const std::int64_t heads = facts.batch * facts.heads, threads = max_threads(),
                     tiles = ceil_div(facts.queries, kTileQueries);
  const std::int64_t parts = heads % threads == 0 ? 1 : std::min(ceil_div(2 * threads, heads), tiles);
  for_tasks(facts, heads * parts, [&](std::int64_t i, Scratch& scratch) {
    const std::int64_t head = i / parts;
    kernel(facts, head / facts.heads, head % facts.heads, i % parts, parts, o, kept, scratch);
  });
}

template <class T>
void attention_backward(const Attention<T>& facts, const RowSoftmax<const T>& kept, const Heads<const T>& dout,
                        const Heads<T>& dq, const Heads<T>& dk, const Heads<T>& dv, const OfPairs<T>& dbias,
                        const OfPairs<double>& shared_dbias) {
  const auto kernel = table<T>().backward;
  const AttentionGradients<T> gradients{kept, dout, dq, dk, dv, dbias, shared_dbias};
  // Heads that share elements of the bias follow each other on one thread.
  const bool all_batches = shared_dbias.data && shared_dbias.batch == 0;
  const bool all_heads = shared_dbias.data && shared_dbias.head == 0;
  const std::int64_t batches = all_batches ? std::min<std::int64_t>(1, facts.batch) : facts.batch;
  const std::int64_t heads = all_heads ? std::min<std::int64_t>(1, facts.heads) : facts.heads;
  for_tasks(facts, batches * heads, [&](std::int64_t i, Scratch& scratch) {
    for (std::int64_t b = i / heads; b < facts.batch; b += batches)
      for (std::int64_t h = i % heads; h < facts.heads; h += heads) kernel(facts, b, h, gradients, scratch);
  });
}

#define TAPEGRAD_ATTENTION(T)                                                                              \
  template void attention_forward(const Attention<T>&, const Heads<T>&, const RowSoftmax<T>&);             \
  template void attention_backward(const Attention<T>&, const RowSoftmax<const T>&, const Heads<const T>&, \
                                   const Heads<T>&, const Heads<T>&, const Heads<T>&, const OfPairs<T>&,   \
                                   const OfPairs<double>&)
TAPEGRAD_ATTENTION(float);
TAPEGRAD_ATTENTION(double);
#undef TAPEGRAD_ATTENTION

}  // namespace tapegrad::kernels
#endif  // HWY_ONCE
