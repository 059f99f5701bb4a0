// The scores of attention: which keys a query sees, what a bias and dropout make of them, and their memory.
//
// Included once per Highway target, like every -inl file.
#if defined(TAPEGRAD_KERNELS_ATTENTION_SCORES_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef TAPEGRAD_KERNELS_ATTENTION_SCORES_INL_HPP
#undef TAPEGRAD_KERNELS_ATTENTION_SCORES_INL_HPP
#else
#define TAPEGRAD_KERNELS_ATTENTION_SCORES_INL_HPP
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <new>

#include "base/ceil_div.hpp"
#include "kernels/attention.hpp"
#include "kernels/dropout.hpp"
#include "kernels/pack-inl.hpp"
#include "kernels/product-inl.hpp"
#include "kernels/random-inl.hpp"
#include "kernels/rows-inl.hpp"
#include "kernels/scratch.hpp"

HWY_BEFORE_NAMESPACE();
namespace tapegrad::kernels::HWY_NAMESPACE {

/// The score of a key that a query does not see.
template <class T>
inline constexpr T kHidden = -std::numeric_limits<T>::infinity();

/// The positions of one head, as rows; null where there are none.
template <class T>
Rows<T> rows_of(const Heads<T>& x, std::int64_t b, std::int64_t h) {
  return {x.data ? x.at(b, h) : nullptr, x.strides.position};
}

/// The scores of one head, a tile of queries at a time, and the memory for it. A tile's matrices are [keys, queries]: a
/// vector holds one key's scores with many queries, and what a softmax takes over all keys it takes lane by lane. The
/// last vector of queries may have lanes to spare; nobody reads what they hold.
template <class T>
class Scores {
 public:
  /// `tiles` is how many matrices [keys, queries] the caller needs, beside those that dropout and a bias need.
  Scores(const Attention<T>& facts, std::int64_t b, std::int64_t h, std::int64_t tiles, Scratch& scratch)
      : f_(facts),
        b_(b),
        h_(h),
        stride_(whole_vectors(std::min(kTileQueries, facts.queries))),
        valid_(facts.valid_keys ? facts.valid_keys + b * facts.keys : nullptr) {
    const std::int64_t width = std::max(f_.width, f_.value_width);
    const std::int64_t of_dropout = drops() ? 2 : 0;  // queries by keys as they are drawn, and as a tile
    const std::int64_t all = tiles + of_dropout + (biased() ? 1 : 0);
    std::int64_t room = 0;  // keys without features may be more than any memory has room for
    if (__builtin_mul_overflow(all, f_.keys, &room) || __builtin_add_overflow(room, width, &room) ||
        __builtin_mul_overflow(room, stride_, &room))
      throw std::bad_alloc();
    columns_ = scratch.get<T>(room);
    tiles_ = columns_ + width * stride_;
    factors_ = {tiles_ + tiles * f_.keys * stride_, stride_};
    drawn_ = factors_.data + f_.keys * stride_;
    if (biased()) bias_ = {tiles_ + (all - 1) * f_.keys * stride_, stride_};
    guarded_ = hides_infinite(v(), f_.value_width) || (tiles > 1 && hides_infinite(k(), f_.width));
  }

  /// Whether query i sees key j.
  bool sees(std::int64_t i, std::int64_t j) const {
    return (!valid_ || valid_[j]) && (!f_.causal || j <= i) &&
           (!f_.pairs.data || f_.pairs.at(b_, h_, i)[j * f_.pairs.key]) &&
           (!biased() || f_.bias.at(b_, h_, i)[j * f_.bias.key] != kHidden<T>);
  }
  /// Whether a key that is hidden from a query holds NaN or inf: its weight is 0, and 0 times that is NaN.
  bool guarded() const { return guarded_; }
  /// out[i] = sum_j a[j, i] b[j] over the keys that i sees, for the queries [begin, end): with finite b the same bits
  /// as the product over all keys, where a is 0 at those hidden.
  void multiply_seen(std::int64_t begin, std::int64_t end, std::int64_t width, Rows<const T> a, Rows<const T> b,
                     Rows<T> out) const {
    for (std::int64_t i = begin; i < end; ++i) {
      T* sum = out.at(i);
      std::fill_n(sum, width, T(0));
      for (std::int64_t j = 0; j < seen_keys(end); ++j) {
        if (!sees(i, j)) continue;
        const Vector<T> factor = splat(a.at(j)[i - begin]);
        const T* row = b.at(j);
        each_vector<T>(width, [&](std::int64_t c, auto lanes, auto) HWY_ATTR {
          lanes.store(hn::MulAdd(factor, lanes.load(row + c), lanes.load(sum + c)), sum + c);
        });
      }
    }
  }

  bool drops() const { return f_.dropout > 0.0; }
  /// Draws what dropout makes of the queries [begin, end). REQUIRES: drops().
  HWY_NOINLINE void draw(std::int64_t begin, std::int64_t end) const {
    const std::uint64_t threshold = dropout_threshold(f_.dropout);
    const T kept = static_cast<T>(1.0 / (1.0 - f_.dropout));
    const std::int64_t keys = seen_keys(end);
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t first = ((b_ * f_.heads + h_) * f_.queries + i) * f_.keys;
      T* const row = drawn_ + (i - begin) * keys;
      each_block_of_bits(f_.stream, first, first + keys,
                         [&](std::int64_t number, const std::uint64_t* bits, std::int64_t count) HWY_ATTR {
                           T* const to = row + (number - first);
                           for (std::int64_t j = 0; j < count; ++j) to[j] = bits[j] >= threshold ? kept : T(0);
                         });
    }
    pack_panel(Tag<T>(), keys, end - begin, factors_.stride, drawn_, 1, keys, factors_.data);
  }
  /// Multiplies the vector of queries from `lane` of the tile on by what was drawn, for the keys j < end: what
  /// is dropped is 0, whatever it was.
  HWY_INLINE void drop(Rows<T> column, std::int64_t lane, std::int64_t end) const {
    for (std::int64_t j = 0; j < end; ++j) {
      const Vector<T> factor = hn::LoadU(Tag<T>(), factors_.at(j) + lane);
      const Vector<T> product = hn::Mul(hn::LoadU(Tag<T>(), column.at(j)), factor);
      hn::StoreU(hn::IfThenElseZero(hn::Ne(factor, splat(T(0))), product), Tag<T>(), column.at(j));
    }
  }

  bool biased() const { return f_.bias.data != nullptr; }
  /// scores = factor scores + bias, for the queries [begin, end); -inf where the bias is, whatever the score. REQUIRES:
  /// biased().
  HWY_NOINLINE void add_bias(std::int64_t begin, std::int64_t end, T factor, Rows<T> scores) const {
    const std::int64_t keys = seen_keys(end);
    pack_panel(Tag<T>(), keys, end - begin, stride_, f_.bias.at(b_, h_, begin), f_.bias.key, f_.bias.query, bias_.data);
    const Vector<T> lowest = splat(kHidden<T>);
    for (std::int64_t j = 0; j < keys; ++j)
      for (std::int64_t lane = 0; lane < end - begin; lane += lane_count<T>()) {
        const Vector<T> bias = hn::LoadU(Tag<T>(), bias_.at(j) + lane);
        T* const score = scores.at(j) + lane;
        const Vector<T> sum = hn::MulAdd(hn::LoadU(Tag<T>(), score), splat(factor), bias);
        hn::StoreU(hn::IfThenElse(hn::Eq(bias, lowest), lowest, sum), Tag<T>(), score);
      }
  }
  /// The bias of a tile's pairs, where their gradients take its place.
  Rows<T> bias() const { return bias_; }

  Rows<const T> q() const { return rows_of(f_.q, b_, h_); }
  Rows<const T> k() const { return rows_of(f_.k, b_, h_); }
  Rows<const T> v() const { return rows_of(f_.v, b_, h_); }
  Rows<T> tile(std::int64_t index) const { return {tiles_ + index * f_.keys * stride_, stride_}; }

  /// Keys that any of the queries [.., end) may see.
  std::int64_t seen_keys(std::int64_t end) const { return f_.causal ? std::min(f_.keys, end) : f_.keys; }

  /// out = of_keys of_queries^T for the queries [begin, end) and the keys that any of them may see.
  void multiply_by_queries(std::int64_t begin, std::int64_t end, std::int64_t width, Rows<const T> of_keys,
                           Rows<const T> of_queries, Rows<T> out) const {
    const std::int64_t n = whole_vectors(end - begin);
    pack_panel(Tag<T>(), width, end - begin, n, of_queries.at(begin), 1, of_queries.stride, columns_);
    multiply<T>(seen_keys(end), n, {width, plain(of_keys), {columns_, n}, out, false});
  }

  /// Calls f(j, s, k) for the keys j < end: s are factor times column j for the vector of queries from i on, -inf where
  /// a query does not see the key; k alternates between Index<0> and Index<1>.
  template <class F>
  HWY_INLINE void each_key(std::int64_t i, std::int64_t end, Rows<const T> columns, T factor, const F& f) const {
    const auto visit = [&](std::int64_t j, auto k) HWY_ATTR {
      f(j, masked(i, j, hn::Mul(hn::LoadU(Tag<T>(), columns.at(j)), splat(factor))), k);
    };
    std::int64_t j = 0;
    for (; j + 2 <= end; j += 2) {
      visit(j, Index<0>());
      visit(j + 1, Index<1>());
    }
    if (j < end) visit(j, Index<0>());
  }

 private:
  static std::int64_t whole_vectors(std::int64_t n) { return ceil_div(n, lane_count<T>()) * lane_count<T>(); }

  /// The scores of key j, -inf where a query from i on does not see it.
  HWY_INLINE Vector<T> masked(std::int64_t i, std::int64_t j, Vector<T> s) const {
    constexpr std::int64_t N = lane_count<T>();
    const Vector<T> lowest = splat(kHidden<T>);
    if (valid_ && !valid_[j]) return lowest;
    if (f_.causal && j > i)
      s = hn::IfThenElse(hn::FirstN(Tag<T>(), static_cast<std::size_t>(std::min(j - i, N))), lowest, s);
    if (f_.pairs.data) {
      const hn::RebindToUnsigned<Tag<T>> flags;
      HWY_ALIGN hn::TFromD<decltype(flags)> kept[static_cast<std::size_t>(N)] = {};
      const bool* pair = f_.pairs.at(b_, h_, i) + j * f_.pairs.key;
      const std::int64_t count = std::min(N, f_.queries - i);
      for (std::int64_t lane = 0; lane < count; ++lane) kept[lane] = pair[lane * f_.pairs.query];
      s = hn::IfThenElse(hn::RebindMask(Tag<T>(), hn::Eq(hn::Load(flags, kept), hn::Zero(flags))), lowest, s);
    }
    return s;
  }

  /// Only rows that are hidden from some query are read.
  bool hides_infinite(Rows<const T> x, std::int64_t width) const {
    const bool some_pairs = f_.causal || f_.pairs.data || biased();
    if (!some_pairs && !valid_) return false;
    Vector<T> zeros = splat(T(0));  // 0 x is NaN where x is not finite, and so is the sum
    for (std::int64_t j = 0; j < f_.keys; ++j) {
      if (!some_pairs && valid_[j]) continue;
      const T* row = x.at(j);
      each_vector<T>(width, [&](std::int64_t c, auto lanes, auto)
                                HWY_ATTR { zeros = hn::MulAdd(lanes.load(row + c), splat(T(0)), zeros); });
    }
    return !hn::AllTrue(Tag<T>(), hn::Eq(zeros, splat(T(0))));
  }

  const Attention<T>& f_;
  std::int64_t b_, h_, stride_;
  const bool* valid_;  // [keys]; null: all
  T* columns_;         // queries, or gradients of outputs, transposed: [width, queries]
  T* tiles_;
  Rows<T> factors_;  // what dropout makes of a tile's weights
  T* drawn_;         // the same before it is transposed
  Rows<T> bias_ = {nullptr, 0};
  bool guarded_;
};

}  // namespace tapegrad::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
