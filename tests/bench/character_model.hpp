// The model of W2 and W3: a character GPT whose head is tied to its embedding.
#pragma once

#include "bench/workloads.hpp"
#include "tapegrad/tapegrad.hpp"

namespace bench {

class CharacterModel : public tapegrad::nn::Module {
 public:
  explicit CharacterModel(const Gpt& shape)
      : embed(shape.vocabulary, shape.embed),
        position(shape.block, shape.embed),
        encoder({.num_layers = shape.layers,
                 .embed_dim = shape.embed,
                 .num_heads = shape.heads,
                 .norm_first = true,
                 .dropout = 0.0,
                 .activation = tapegrad::nn::Activation::gelu,
                 .final_norm = true}) {}

  /// Logits [N, L, vocabulary] of tokens [N, L].
  tapegrad::Tensor operator()(const tapegrad::Tensor& tokens) {
    return tapegrad::linear(encoder(position(embed(tokens)), tapegrad::Mask::causal()), embed.weight);
  }

  tapegrad::nn::Embedding embed;
  tapegrad::nn::LearnedPosition position;
  tapegrad::nn::TransformerEncoder encoder;
  TAPEGRAD_MODULE(embed, position, encoder)
};

}  // namespace bench
