// The decoder of a transformer that reads a memory, such as an encoder's result: Vaswani et al. 2017, arXiv:1706.03762,
// section 3.1. (A model without a memory, such as a GPT, is an encoder under Mask::causal().)
#pragma once

#include <vector>

#include "tapegrad/nn/activation.hpp"
#include "tapegrad/nn/attention.hpp"
#include "tapegrad/nn/dropout.hpp"
#include "tapegrad/nn/linear.hpp"
#include "tapegrad/nn/module.hpp"
#include "tapegrad/nn/norm.hpp"
#include "tapegrad/nn/transformer.hpp"
#include "tapegrad/ops/mask.hpp"

namespace tapegrad::nn {

using TransformerDecoderLayerOptions = TransformerEncoderLayerOptions;
using TransformerDecoderOptions = TransformerEncoderOptions;

/// The keys and values of a decoder layer's sequence so far and of its memory, so that each is projected once.
struct DecoderCache {
  AttentionCache sequence;
  AttentionCache memory;

  /// Of both: see AttentionCache::index_select().
  [[nodiscard]] DecoderCache index_select(const Tensor& rows) const {
    return {sequence.index_select(rows), memory.index_select(rows)};
  }
};

/// Self-attention, attention to a memory and a feed-forward block, each with a residual sum and a norm as in
/// TransformerEncoderLayer. Names and initialisation as PyTorch's. Padding must be finite, in x and in the memory.
class TransformerDecoderLayer : public Module {
 public:
  /// Throws as TransformerEncoderLayer.
  explicit TransformerDecoderLayer(TransformerDecoderLayerOptions options);

  /// x [N, L, E] and memory [N, S, E] -> [N, L, E]. `mask` is for the self-attention over x: Mask::causal() where x is
  /// to be generated. `memory_mask` says which positions of the memory are valid, [N, S], and which pairs are kept,
  /// [.., L, S]. The bias is that of the self-attention (see MultiHeadAttention).
  Tensor operator()(const Tensor& x, const Tensor& memory, const Mask& mask = {}, const Mask& memory_mask = {},
                    const Tensor& bias = {});

  /// The cache that extend() starts from: memory [N, S, E], projected, and an empty sequence.
  DecoderCache remember(const Tensor& memory) const;
  /// The next positions x [N, L, E] of a sequence that arrives piece by piece. Gives what one call with Mask::causal()
  /// gives, except that a BatchNorm in training sees one piece at a time. `mask` and bias as in
  /// MultiHeadAttention::extend(). After an exception the cache is unchanged.
  Tensor extend(const Tensor& x, DecoderCache& cache, const Mask& mask = {}, const Mask& memory_mask = {},
                const Tensor& bias = {});

  MultiHeadAttention self_attn;
  MultiHeadAttention multihead_attn;  ///< to the memory
  Linear linear1;
  Linear linear2;
  AnyNorm norm1;
  AnyNorm norm2;
  AnyNorm norm3;
  Dropout dropout;   ///< within the feed-forward block
  Dropout dropout1;  ///< of the self-attention's result
  Dropout dropout2;  ///< of the result of the attention to the memory
  Dropout dropout3;  ///< of the feed-forward block's result
  TAPEGRAD_MODULE(self_attn, multihead_attn, linear1, linear2, norm1, norm2, norm3, dropout, dropout1, dropout2,
                  dropout3)

 private:
  /// The whole layer, whose two attentions are computed by the functions; the mask says which positions of x are valid.
  template <class Attend, class AttendToMemory>
  Tensor around(const Attend& attend, const AttendToMemory& attend_to_memory, const Tensor& x, const Mask& mask);

  bool norm_first_;
  Activation activation_;
  Gate gate_;
};

/// Decoder layers one after the other, each initialised on its own (PyTorch copies the first one's values).
class TransformerDecoder : public Module {
 public:
  /// Throws as TransformerEncoder.
  explicit TransformerDecoder(TransformerDecoderOptions options);

  /// x [N, L, E] and memory [N, S, E] -> [N, L, E], with masks and bias as TransformerDecoderLayer's.
  Tensor operator()(const Tensor& x, const Tensor& memory, const Mask& mask = {}, const Mask& memory_mask = {},
                    const Tensor& bias = {});

  /// A cache for each layer: memory [N, S, E], projected, and an empty sequence.
  std::vector<DecoderCache> remember(const Tensor& memory) const;
  /// The next positions of a sequence, as TransformerDecoderLayer::extend(). Each step of generating a sequence
  /// computes one position instead of all so far. Throws ValueError for another number of caches; after an exception
  /// they are unchanged.
  ///
  ///   std::vector<nn::DecoderCache> caches = decoder.remember(encoder(source, mask));
  ///   for (std::int64_t p = 0; p < length; ++p) y = decoder.extend(position(embed(next), p), caches, {}, mask);
  Tensor extend(const Tensor& x, std::vector<DecoderCache>& caches, const Mask& mask = {}, const Mask& memory_mask = {},
                const Tensor& bias = {});

  std::vector<TransformerDecoderLayer> layers;
  AnyNorm norm;
  TAPEGRAD_MODULE(layers, norm)
};

}  // namespace tapegrad::nn
