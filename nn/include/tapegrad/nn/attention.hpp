// Multi-head attention.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tapegrad/nn/linear.hpp"
#include "tapegrad/nn/module.hpp"
#include "tapegrad/ops/attention.hpp"
#include "tapegrad/ops/mask.hpp"

namespace tapegrad::nn {

struct MultiHeadAttentionOptions {
  std::int64_t embed_dim = 0;  ///< E; a multiple of num_heads
  std::int64_t num_heads = 1;  ///< H
  /// The share of the attention weights that is dropped in training.
  double dropout = 0.0;
  bool bias = true;
  /// Features of the keys and of the values; embed_dim when not given.
  std::optional<std::int64_t> kdim = {};
  std::optional<std::int64_t> vdim = {};
  /// Turns the projected queries and keys of each head by their positions (rotary_embedding), for which E / H must be
  /// even. Queries and keys are both counted from `first` on, and the pieces of extend() one after the other.
  std::optional<RotaryOptions> rotary = {};
  DType dtype = float32;
};

/// The result of attention, and the weights behind it.
struct [[nodiscard]] AttentionWithWeights {
  Tensor y;        ///< [N, Lq, E]
  Tensor weights;  ///< [N, H, Lq, Lk], before dropout
};

/// The keys and values of the positions so far, of a sequence that arrives piece by piece, so that each is projected
/// once. Empty at first. A value: a copy is an independent branch.
///
///   attention.extend(next, cache);  // [N, 1, E]
///   cache.keep_last(1023);          // a window of 1024 positions: the next one sees itself and 1023 before it
///   cache = cache.index_select(beams);  // what a beam search goes on with: row n was row beams[n]
struct AttentionCache {
  AttentionCache() = default;
  /// Of keys and values that stand at `first`, first + 1, ... Throws ShapeError unless both are [N, H, L, E / H] of one
  /// L, or both undefined; ValueError for a negative `first` and for one after which a position is no int64.
  AttentionCache(Tensor keys, Tensor values, std::int64_t first_position = 0);
  AttentionCache(const AttentionCache&) = default;
  AttentionCache& operator=(const AttentionCache&) = default;
  /// What was moved from is empty, with `first` and seen() 0.
  AttentionCache(AttentionCache&& other) noexcept;
  AttentionCache& operator=(AttentionCache&& other) noexcept;
  ~AttentionCache() = default;

  Tensor key;    ///< [N, H, L, E / H] of the L positions so far, turned where they are; undefined when there are none
  Tensor value;  ///< the same, never turned
  /// How many earlier positions were cut off: where the first of the L stands.
  std::int64_t first = 0;

  /// L
  std::int64_t length() const { return key.defined() ? key.size(2) : 0; }
  /// How many positions there have been, with those that were cut off: first + length(), unless key was changed by
  /// hand, and `first` was not.
  std::int64_t seen() const { return seen_; }

  /// Forgets all but the last `count` positions; those that come stand where they would have stood. Throws ValueError
  /// for a negative count, ShapeError for keys and values that the constructor refuses; the cache is then unchanged.
  void keep_last(std::int64_t count);
  /// Row n of the result was row rows[n] of the batch: int64 [K] -> a cache of K sequences. Throws as
  /// tapegrad::index_select.
  [[nodiscard]] AttentionCache index_select(const Tensor& rows) const;

 private:
  std::int64_t seen_ = 0;
};

/// Vaswani et al. 2017, arXiv:1706.03762, section 3.2.2: H attentions side by side, each on E / H features of the
/// projected query [N, Lq, E], key [N, Lk, kdim] and value [N, Lk, vdim], their results projected back to [N, Lq, E].
/// Parameters as PyTorch's: in_proj_weight [3E, E] (Xavier uniform), or q_proj_weight [E, E], k_proj_weight [E, kdim]
/// and v_proj_weight [E, vdim] when kdim or vdim is not E; in_proj_bias [3E] (0), out_proj (its bias 0). A query that
/// sees no key gives out_proj's bias. Hidden positions do not change the results of visible ones, but they are
/// projected like all others: padding must be finite, or the projections' gradients get 0 * NaN. A bias [Lq, Lk], [H,
/// Lq, Lk] or [N, H, Lq, Lk] is added to the scores (AttentionOptions::bias), for relative positions, say. Throws
/// ShapeError, DTypeError.
class MultiHeadAttention : public Module {
 public:
  /// Throws ValueError when embed_dim is not a positive multiple of num_heads, kdim or vdim is not positive, dropout is
  /// outside [0, 1), or of rotary embedding the base is not positive, `first` is negative, `pairs` is no RotaryPairs or
  /// E / H is odd; DTypeError for a dtype that is not floating.
  explicit MultiHeadAttention(MultiHeadAttentionOptions options);

  /// Self-attention is attention(x, x, x): one product makes all three projections.
  Tensor operator()(const Tensor& query, const Tensor& key, const Tensor& value, const Mask& mask = {},
                    const Tensor& bias = {}) const;
  /// The same as operator(), slower, with the weights per head.
  AttentionWithWeights with_weights(const Tensor& query, const Tensor& key, const Tensor& value, const Mask& mask = {},
                                    const Tensor& bias = {}) const;

  /// Causal self-attention to a sequence that arrives piece by piece. x [N, L, E] are the positions that follow those
  /// in the cache; they are added to it. All pieces together give what one call with Mask::causal() gives, to rounding,
  /// and on a tape the same gradients. The mask may say which of all positions so far are valid, [N, L so far], and
  /// which pairs are kept, [.., L, L so far]; the bias is added to the scores of those pairs. "So far" is without what
  /// keep_last() cut off. The cache is copied as it grows. Throws ShapeError, also for a cache of another batch or
  /// attention, DTypeError, also for a cache of another dtype, and with rotary attention ValueError for a cache whose
  /// keys were cut by hand, so that nothing says where they stand; the cache is then unchanged.
  Tensor extend(const Tensor& x, AttentionCache& cache, const Mask& mask = {}, const Tensor& bias = {}) const;

  /// Projects key [N, Lk, kdim] and value [N, Lk, vdim] once for many calls of recall(). Throws ShapeError,
  /// DTypeError for tensors of another dtype than the parameters', ValueError for an undefined one.
  AttentionCache remember(const Tensor& key, const Tensor& value) const;
  /// recall(query, remember(key, value)) is operator()(query, key, value). With rotary attention each call counts its
  /// query from `first` on: give the query whole, not in pieces. Throws ShapeError, also for an empty cache, and
  /// DTypeError.
  Tensor recall(const Tensor& query, const AttentionCache& cache, const Mask& mask = {}, const Tensor& bias = {}) const;

  Parameter in_proj_weight;                               // undefined when the widths differ
  Parameter q_proj_weight, k_proj_weight, v_proj_weight;  // undefined when they do not
  Parameter in_proj_bias;
  Linear out_proj;
  TAPEGRAD_MODULE(in_proj_weight, q_proj_weight, k_proj_weight, v_proj_weight, in_proj_bias, out_proj)

 private:
  struct Heads {
    Tensor query;  // [N, H, Lq, E / H]
    AttentionCache seen;
  };
  Heads project(const Tensor& query, const Tensor& key, const Tensor& value) const;
  AttentionCache project(const Tensor& key, const Tensor& value) const;
  /// Queries or keys [N, H, L, E / H], or both, turned by the positions that follow `seen` earlier ones.
  Tensor turned(const Tensor& x, std::int64_t seen = 0) const;
  Heads turned(Heads heads, std::int64_t seen = 0) const;
  Tensor attend(const Heads& heads, const Mask& mask, const Tensor& bias) const;
  /// Throws ShapeError or DTypeError unless the cache is one of this attention for a batch as large as x's [N, L, E].
  void expect_cache_for(const Tensor& x, const AttentionCache& cache) const;
  Tensor projected(const Tensor& x, std::int64_t first, std::int64_t count) const;
  std::vector<Tensor> split_heads(const Tensor& x, std::int64_t count) const;
  Tensor merge_heads(const Tensor& y) const;

  bool projects_apart() const { return key_dim_ != embed_dim_ || value_dim_ != embed_dim_; }

  std::int64_t embed_dim_;
  std::int64_t key_dim_;
  std::int64_t value_dim_;
  std::int64_t num_heads_;
  double dropout_;
  std::optional<RotaryOptions> rotary_;
};

}  // namespace tapegrad::nn
