// Scaled dot-product attention: Vaswani et al. 2017, arXiv:1706.03762, equation 1; and rotary position embedding.
#pragma once

#include <cstdint>
#include <optional>

#include "tapegrad/base/random.hpp"
#include "tapegrad/ops/mask.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

struct AttentionOptions {
  /// What the scores are multiplied by; 1 / sqrt(width of q) when not given.
  std::optional<double> scale = {};
  /// The share of the weights that dropout sets to 0. In [0, 1).
  double dropout_p = 0.0;
  /// Draws the random numbers of dropout; the thread's default generator when null.
  Generator* generator = nullptr;
  /// Added to the scores: [.., Lq, Lk] of q's dtype, broadcast to [N, H, Lq, Lk]. So [H, Lq, Lk] is one bias per head
  /// (unlike the mask's pairs, where three dimensions mean one per sequence), and [H, 1, Lk] one number for each key of
  /// each head. -inf hides a pair as the mask does. The bias gets a gradient.
  Tensor bias = {};
};

/// softmax(scale q k^T + bias) v per batch entry and head: q [N, H, Lq, D], k [N, H, Lk, D], v [N, H, Lk, Dv] -> [N, H,
/// Lq, Dv]. The mask's positions [N, Lk] say which keys are valid, its pairs broadcast to [N, H, Lq, Lk] ([N, Lq, Lk]
/// stands for [N, 1, Lq, Lk]), and causal hides keys behind their query. A query that sees no key gives 0 with gradient
/// 0. A key that no query sees, as in padding, may hold anything, NaN and inf included: nothing of it reaches results
/// or gradients. (A NaN in a key that some queries see reaches the results and first-order gradients of these alone.)
/// The heads may lie interleaved in memory (a [N, L, H, D] tensor transposed): nothing is copied, and results and
/// gradients have the same layout, so that transposing back and merging the heads costs nothing. No matrix of scores is
/// stored. A weight below 2^-100 (2^-960 for float64) of its row's largest counts as 0. Each entry of the batch depends
/// on itself alone, to the bit. float32 or float64. Throws ShapeError,
/// DTypeError, ValueError for dropout_p.
Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Mask& mask = {},
                                    const AttentionOptions& options = {});

/// softmax(scale q k^T + bias) itself, [N, H, Lq, Lk]; rows that see no key are 0. These are the weights before any
/// dropout: ValueError for a dropout_p other than 0. Throws ShapeError, DTypeError.
Tensor attention_weights(const Tensor& q, const Tensor& k, const Mask& mask = {}, const AttentionOptions& options = {});

/// Which features of E make pairs.
enum class RotaryPairs {
  neighbours,  ///< (2i, 2i + 1), as in the paper and in LLaMA's own code
  halves,      ///< (i, i + E / 2), as in GPT-NeoX and in Hugging Face's models
};

struct RotaryOptions {
  double base = 10000.0;
  /// The position of the first of x's rows.
  std::int64_t first = 0;
  RotaryPairs pairs = RotaryPairs::neighbours;
};

/// Rotary position embedding: pair i of the features at position p of x [.., L, E], E even, is turned by the angle p
/// base^(-2i / E): (a, b) becomes (a cos - b sin, b cos + a sin). For queries and keys, whose products then depend on
/// how far apart they stand, and not on where: q and k [N, H, L, D] as scaled_dot_product_attention takes them, heads
/// interleaved in memory too, whose layout the result has. Su et al. 2021, RoFormer, arXiv:2104.09864, equation 34;
/// angles are computed in double precision. float32 or float64. Throws ShapeError, DTypeError, and ValueError when
/// `base` is not positive, `first` is negative, the last position does not fit in int64 or `pairs` is no RotaryPairs.
Tensor rotary_embedding(const Tensor& x, const RotaryOptions& options = {});

}  // namespace tapegrad
