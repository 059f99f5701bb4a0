// The network: a causal transformer over characters.
#pragma once

#include <cstdint>
#include <vector>

#include "tapegrad/nn/attention.hpp"
#include "tapegrad/nn/embedding.hpp"
#include "tapegrad/nn/module.hpp"
#include "tapegrad/nn/position.hpp"
#include "tapegrad/nn/transformer.hpp"
#include "tapegrad/ops/mask.hpp"

namespace word_maker {

struct ModelSizes {
  std::int64_t vocabulary = 0;  ///< V
  std::int64_t length = 0;      ///< of the longest input
  std::int64_t embed = 96;      ///< E
  std::int64_t layers = 3;
  std::int64_t heads = 4;

  friend bool operator==(const ModelSizes&, const ModelSizes&) = default;
};

/// Layers that normalise first, behind learned positions. The table of characters is also the last layer's weight
/// (Press and Wolf 2017, arXiv:1608.05859): a character is predicted by its likeness to the state.
class CharacterModel : public tapegrad::nn::Module {
 public:
  explicit CharacterModel(const ModelSizes& sizes);

  /// int64 tokens [N, L] -> logits [N, L, V] of the token that follows each. The mask says which positions are valid.
  tapegrad::Tensor operator()(const tapegrad::Tensor& tokens, const tapegrad::Mask& mask = {});
  /// The same for the tokens [N, L] from position `first` on, when `seen` holds those before: what is there already
  /// costs nothing again.
  tapegrad::Tensor extend(const tapegrad::Tensor& tokens, std::int64_t first,
                          std::vector<tapegrad::nn::AttentionCache>& seen);
  const ModelSizes& sizes() const { return sizes_; }

  tapegrad::nn::Embedding embed;
  tapegrad::nn::LearnedPosition position;
  tapegrad::nn::TransformerEncoder encoder;
  TAPEGRAD_MODULE(embed, position, encoder)

 private:
  ModelSizes sizes_;
};

}  // namespace word_maker
