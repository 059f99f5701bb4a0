// Small options for the catalogue, encoders' and decoders' alike.
#pragma once

#include <cstdint>

#include "tapegrad/nn/transformer.hpp"

namespace tapegrad::nn {

inline TransformerEncoderLayerOptions sample_layer(Norm norm, bool norm_first, Gate gate = Gate::none) {
  return {.embed_dim = 4,
          .num_heads = 2,
          .ffn_dim = 5,
          .norm = norm,
          .norm_first = norm_first,
          .dropout = 0.1,
          .activation = gate == Gate::none ? Activation::gelu : Activation::relu,
          .gate = gate,
          .dtype = float64};
}

/// Heads of one pair of features each, that are turned.
inline TransformerEncoderLayerOptions rotary_sample() {
  TransformerEncoderLayerOptions options = sample_layer(Norm::layer, false);
  options.rotary = RotaryOptions{.first = 1};
  return options;
}

inline TransformerEncoderOptions sample_stack(std::int64_t layers, bool norm_first, bool final_norm) {
  return {.num_layers = layers,
          .embed_dim = 4,
          .num_heads = 2,
          .ffn_dim = 3,
          .norm_first = norm_first,
          .dropout = 0.0,
          .activation = Activation::gelu,
          .final_norm = final_norm,
          .dtype = float64};
}

}  // namespace tapegrad::nn
