// Multi-head attention.
#pragma once

#include <cstdint>
#include <optional>

#include "tapegrad/nn/linear.hpp"
#include "tapegrad/nn/module.hpp"
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
  DType dtype = float32;
};

/// What attention gives, with the weights it was made of.
struct AttentionWithWeights {
  Tensor y;        ///< [N, Lq, E]
  Tensor weights;  ///< [N, H, Lq, Lk], before dropout
};

/// Vaswani et al. 2017, arXiv:1706.03762, section 3.2.2: H attentions side by side, each on E / H features of the
/// projected query [N, Lq, E], key [N, Lk, kdim] and value [N, Lk, vdim], their results projected back to [N, Lq, E].
/// Parameters as PyTorch's: in_proj_weight [3E, E] (Xavier uniform), or q_proj_weight [E, E], k_proj_weight [E, kdim]
/// and v_proj_weight [E, vdim] when kdim or vdim is not E; in_proj_bias [3E] (0), out_proj (its bias 0). A query that
/// sees no key gives out_proj's bias. Throws ShapeError, DTypeError.
class MultiHeadAttention : public Module {
 public:
  /// Throws ValueError when embed_dim is not a positive multiple of num_heads, kdim or vdim is not positive, or dropout
  /// is outside [0, 1).
  explicit MultiHeadAttention(MultiHeadAttentionOptions options);

  /// Self-attention is attention(x, x, x): one product makes all three projections.
  Tensor operator()(const Tensor& query, const Tensor& key, const Tensor& value, const Mask& mask = {}) const;
  /// The same, slower, with the weights per head.
  AttentionWithWeights with_weights(const Tensor& query, const Tensor& key, const Tensor& value,
                                    const Mask& mask = {}) const;

  Parameter in_proj_weight;                               // undefined when the widths differ
  Parameter q_proj_weight, k_proj_weight, v_proj_weight;  // undefined when they do not
  Parameter in_proj_bias;
  Linear out_proj;
  TAPEGRAD_MODULE(in_proj_weight, q_proj_weight, k_proj_weight, v_proj_weight, in_proj_bias, out_proj)

 private:
  struct Heads {
    Tensor query, key, value;  // [N, H, L, E / H]
  };
  Heads project(const Tensor& query, const Tensor& key, const Tensor& value) const;
  Tensor attend(const Heads& heads, const Mask& mask) const;
  Tensor part(const Tensor& x, std::int64_t first, std::int64_t count) const;
  Tensor split_heads(const Tensor& x) const;
  Tensor merge_heads(const Tensor& y) const;

  bool projects_apart() const { return key_dim_ != embed_dim_ || value_dim_ != embed_dim_; }

  std::int64_t embed_dim_;
  std::int64_t key_dim_;
  std::int64_t value_dim_;
  std::int64_t num_heads_;
  double dropout_;
};

}  // namespace tapegrad::nn
