#include "word_maker/model.hpp"

#include "tapegrad/nn/init.hpp"
#include "tapegrad/ops/linalg.hpp"

namespace word_maker {

namespace tg = tapegrad;

CharacterModel::CharacterModel(const ModelSizes& sizes)
    : embed(sizes.vocabulary, sizes.embed),
      position(sizes.length, sizes.embed),
      encoder({.num_layers = sizes.layers,
               .embed_dim = sizes.embed,
               .num_heads = sizes.heads,
               .norm_first = true,
               .dropout = 0.0,
               .activation = tg::nn::Activation::gelu,
               .final_norm = true}),
      sizes_(sizes) {
  // As GPT-2: rows of length sqrt(E) would make the tied layer's first guesses far too sure of themselves.
  tg::nn::init::normal(embed.weight, 0.0, 0.02);
}

tg::Tensor CharacterModel::operator()(const tg::Tensor& tokens, const tg::Mask& mask) {
  const tg::Tensor state = encoder(position(embed(tokens)), mask & tg::Mask::causal());  // [N, L, E]
  return tg::linear(state, embed.weight);                                                // [N, L, V]
}

tg::Tensor CharacterModel::extend(const tg::Tensor& tokens, std::int64_t first,
                                  std::vector<tg::nn::AttentionCache>& seen) {
  return tg::linear(encoder.extend(position(embed(tokens), first), seen), embed.weight);
}

}  // namespace word_maker
