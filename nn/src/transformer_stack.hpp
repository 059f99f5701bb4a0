// The layers of an encoder or a decoder one upon the other, and what a sequence that grows asks of them.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tapegrad/base/error.hpp"
#include "tapegrad/nn/norm.hpp"
#include "tapegrad/nn/transformer.hpp"
#include "tapegrad/ops/mask.hpp"
#include "tapegrad/ops/view.hpp"
#include "transformer_options.hpp"

namespace tapegrad::nn {

inline TransformerEncoderLayerOptions layer_options(const TransformerEncoderOptions& options) {
  // All fields there are: with one more this does not compile until it has been looked at.
  const auto& [num_layers, embed_dim, num_heads, ffn_dim, norm, norm_first, dropout, activation, gate, eps, final_norm,
               rotary, dtype] = options;
  return {.embed_dim = embed_dim,
          .num_heads = num_heads,
          .ffn_dim = ffn_dim,
          .norm = norm,
          .norm_first = norm_first,
          .dropout = dropout,
          .activation = activation,
          .gate = gate,
          .eps = eps,
          .rotary = rotary,
          .dtype = dtype};
}

/// The layers of a stack. Throws ValueError for a number of them that is negative or beyond reason, and as a layer
/// would, with any number of them.
template <class Layer>
std::vector<Layer> make_layers(const char* stack, const TransformerEncoderOptions& options) {
  constexpr std::int64_t kMostLayers = 1 << 20;
  if (options.num_layers < 0 || options.num_layers > kMostLayers)
    throw ValueError(fmt::format("[{}] expected 0 to {} layers, got {}", stack, kMostLayers, options.num_layers));
  checked_transformer(stack, options);
  std::vector<Layer> layers;
  layers.reserve(static_cast<std::size_t>(options.num_layers));
  for (std::int64_t i = 0; i < options.num_layers; ++i) layers.emplace_back(layer_options(options));
  return layers;
}

/// The norm behind the last layer, where there is one.
inline AnyNorm make_final_norm(const TransformerEncoderOptions& options) {
  if (!options.final_norm) return {};
  return make_norm(options.norm, options.embed_dim, {.eps = options.eps, .dtype = options.dtype});
}

/// Throws ValueError unless there is a cache for each layer.
inline void expect_caches(const char* stack, std::size_t caches, std::size_t layers) {
  if (caches != layers)
    throw ValueError(fmt::format("[{}] expected a cache for each of {} layers, got {}", stack, layers, caches));
}

/// Which of x's positions are valid, x [N, L, E] being the last ones of those that the mask speaks of.
inline Mask last_positions(const Mask& mask, const Tensor& x) {
  const Tensor& positions = mask.positions();
  if (!positions.defined() || !x.defined() || x.dim() < 2) return {};
  return Mask::keep_positions(slice(positions, 1, {.start = std::max<std::int64_t>(0, positions.size(1) - x.size(1))}));
}

}  // namespace tapegrad::nn
