// The model of W2: a small character GPT whose head is tied to its embedding.
#pragma once

#include "bench/workloads.hpp"
#include "tapegrad/tapegrad.hpp"

namespace bench {

struct CharacterModel : tapegrad::nn::Module {
  tapegrad::nn::Embedding embed{gpt::kVocabulary, gpt::kEmbed};
  tapegrad::nn::LearnedPosition position{gpt::kBlock, gpt::kEmbed};
  tapegrad::nn::TransformerEncoder encoder{{.num_layers = gpt::kLayers,
                                            .embed_dim = gpt::kEmbed,
                                            .num_heads = gpt::kHeads,
                                            .norm_first = true,
                                            .dropout = 0.0,
                                            .activation = tapegrad::nn::Activation::gelu,
                                            .final_norm = true}};
  TAPEGRAD_MODULE(embed, position, encoder)

  /// Logits [N, L, vocabulary] of tokens [N, L].
  tapegrad::Tensor operator()(const tapegrad::Tensor& tokens) {
    return tapegrad::linear(encoder(position(embed(tokens)), tapegrad::Mask::causal()), embed.weight);
  }
};

}  // namespace bench
