// The encoder of a transformer: Vaswani et al. 2017, arXiv:1706.03762, with the norm before or after each block (Xiong
// et al. 2020, arXiv:2002.04745) and any norm in its place.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tapegrad/nn/activation.hpp"
#include "tapegrad/nn/attention.hpp"
#include "tapegrad/nn/dropout.hpp"
#include "tapegrad/nn/linear.hpp"
#include "tapegrad/nn/module.hpp"
#include "tapegrad/nn/norm.hpp"
#include "tapegrad/ops/attention.hpp"
#include "tapegrad/ops/mask.hpp"

namespace tapegrad::nn {

struct FeedForwardOptions {
  std::int64_t embed_dim = 0;
  /// Width of the hidden layer, which linear2 takes; 4 embed_dim when 0.
  std::int64_t ffn_dim = 0;
  double dropout = 0.0;
  Activation activation = Activation::relu;
  /// In the activation's place: linear1 is then twice as wide, [2 ffn_dim, E], values in front and their gates behind.
  /// With 2/3 of the width a gated block has as many parameters as one without.
  Gate gate = Gate::none;
  DType dtype = float32;
};

/// linear2(dropout(activation(linear1(x)))), or a gated unit in the activation's place: [.., E] -> [.., E]. For blocks
/// of your own: the encoder and decoder layers hold linear1 and linear2 themselves, under PyTorch's names.
class FeedForward : public Module {
 public:
  /// Throws ValueError when embed_dim is not positive, ffn_dim is negative, dropout is outside [0, 1), there is an
  /// activation beside a gate, or one of the two is none that there is; DTypeError for a dtype that is not floating.
  explicit FeedForward(FeedForwardOptions options);

  Tensor operator()(const Tensor& x) const;

  Linear linear1;
  Dropout dropout;
  Linear linear2;
  TAPEGRAD_MODULE(linear1, dropout, linear2)

 private:
  Activation activation_;
  Gate gate_;
};

struct TransformerEncoderLayerOptions {
  std::int64_t embed_dim = 0;
  std::int64_t num_heads = 1;
  /// Width of the feed-forward block; 4 embed_dim when 0.
  std::int64_t ffn_dim = 0;
  Norm norm = Norm::layer;
  /// Normalises before each block instead of after its residual sum.
  bool norm_first = false;
  double dropout = 0.1;
  Activation activation = Activation::relu;
  /// In the activation's place, as in FeedForwardOptions.
  Gate gate = Gate::none;
  double eps = 1e-5;
  /// Of the self-attention: MultiHeadAttentionOptions::rotary. A decoder's attention to its memory is not turned.
  std::optional<RotaryOptions> rotary = {};
  DType dtype = float32;
};

/// Self-attention and a feed-forward block, each with a residual sum and a norm. With norm_first x + block(norm(x)),
/// else norm(x + block(x)). Names and initialisation as PyTorch's. Padding must be finite, as for MultiHeadAttention:
/// it goes through all products, and their weights' gradients would get 0 * NaN.
class TransformerEncoderLayer : public Module {
 public:
  /// Throws ValueError when embed_dim is not a positive multiple of num_heads, ffn_dim or eps is negative, dropout is
  /// outside [0, 1), there is an activation beside a gate, norm, activation or gate is none that there is, or `rotary`
  /// is not one for MultiHeadAttention; DTypeError for a dtype that is not floating.
  explicit TransformerEncoderLayer(TransformerEncoderLayerOptions options);

  /// [N, L, E] -> [N, L, E]; the bias as of MultiHeadAttention.
  Tensor operator()(const Tensor& x, const Mask& mask = {}, const Tensor& bias = {});
  /// The next positions x [N, L, E] of a sequence that arrives piece by piece, as MultiHeadAttention::extend(). Gives
  /// what one call with Mask::causal() gives, except that a BatchNorm in training sees one piece at a time.
  Tensor extend(const Tensor& x, AttentionCache& cache, const Mask& mask = {}, const Tensor& bias = {});

  MultiHeadAttention self_attn;
  Linear linear1;
  Linear linear2;
  AnyNorm norm1;
  AnyNorm norm2;
  Dropout dropout;   ///< within the feed-forward block
  Dropout dropout1;  ///< of the attention's result
  Dropout dropout2;  ///< of the feed-forward block's result
  TAPEGRAD_MODULE(self_attn, linear1, linear2, norm1, norm2, dropout, dropout1, dropout2)

 private:
  /// The whole layer, whose attention is computed by `attend`; the mask says which positions of x are valid.
  template <class Attend>
  Tensor around(const Attend& attend, const Tensor& x, const Mask& mask);

  bool norm_first_;
  Activation activation_;
  Gate gate_;
};

struct TransformerEncoderOptions {
  std::int64_t num_layers = 1;
  std::int64_t embed_dim = 0;
  std::int64_t num_heads = 1;
  std::int64_t ffn_dim = 0;
  Norm norm = Norm::layer;
  bool norm_first = false;
  double dropout = 0.1;
  Activation activation = Activation::relu;
  Gate gate = Gate::none;
  double eps = 1e-5;
  /// Whether one more norm follows the last layer. With norm_first nothing else normalises the result.
  bool final_norm = false;
  std::optional<RotaryOptions> rotary = {};
  DType dtype = float32;
};

/// Encoder layers one after the other, each initialised on its own (PyTorch copies the first one's values).
class TransformerEncoder : public Module {
 public:
  /// Throws ValueError for a negative num_layers, and whatever TransformerEncoderLayer throws for these options, even
  /// with num_layers = 0.
  explicit TransformerEncoder(TransformerEncoderOptions options);

  /// [N, L, E] -> [N, L, E]; the bias is that of each layer's attention.
  Tensor operator()(const Tensor& x, const Mask& mask = {}, const Tensor& bias = {});
  /// The next positions of a sequence, as TransformerEncoderLayer::extend(). `caches` has one for each layer, or is
  /// empty at first. Each step of generating a text computes one position instead of all so far. Throws ValueError for
  /// another number of caches; after an exception they are unchanged.
  ///
  ///   std::vector<nn::AttentionCache> seen;
  ///   for (std::int64_t p = 0; p < length; ++p) y = encoder.extend(position(embed(next), p), seen);  // [N, 1, E]
  Tensor extend(const Tensor& x, std::vector<AttentionCache>& caches, const Mask& mask = {}, const Tensor& bias = {});

  std::vector<TransformerEncoderLayer> layers;
  AnyNorm norm;
  TAPEGRAD_MODULE(layers, norm)
};

}  // namespace tapegrad::nn
