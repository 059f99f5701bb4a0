// What the layers of encoders and decoders have in common.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "expect_options.hpp"
#include "tapegrad/nn/activation.hpp"
#include "tapegrad/nn/dropout.hpp"
#include "tapegrad/nn/linear.hpp"
#include "tapegrad/nn/norm.hpp"
#include "tapegrad/nn/transformer.hpp"
#include "tapegrad/ops/mask.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/add.hpp"

namespace tapegrad::nn {

/// Throws ValueError unless four times as many are a number, as a feed-forward block's width is by default.
inline void expect_width(const char* layer, std::int64_t embed_dim) {
  if (embed_dim > std::numeric_limits<std::int64_t>::max() / 4)
    throw ValueError(fmt::format("[{}] embed_dim {} is too large", layer, embed_dim));
}

inline std::int64_t hidden_width(std::int64_t ffn_dim, std::int64_t embed_dim) {
  return ffn_dim == 0 ? 4 * embed_dim : ffn_dim;
}

/// The options of a layer or of a stack of layers, once they have been checked: before the first part is made of them.
template <class Options>
const Options& checked_transformer(const char* layer, const Options& options) {
  expect_heads(layer, options.embed_dim, options.num_heads);
  expect_width(layer, options.embed_dim);
  if (options.ffn_dim < 0)
    throw ValueError(fmt::format("[{}] expected ffn_dim of at least 0, got {}", layer, options.ffn_dim));
  expect_dropout(layer, options.dropout);
  expect_eps(layer, options.eps);
  expect_floating(layer, options.dtype);
  return options;
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
  for (std::int64_t i = 0; i < options.num_layers; ++i)
    layers.emplace_back(TransformerEncoderLayerOptions{.embed_dim = options.embed_dim,
                                                       .num_heads = options.num_heads,
                                                       .ffn_dim = options.ffn_dim,
                                                       .norm = options.norm,
                                                       .norm_first = options.norm_first,
                                                       .dropout = options.dropout,
                                                       .activation = options.activation,
                                                       .eps = options.eps,
                                                       .dtype = options.dtype});
  return layers;
}

/// The norm behind the last layer, where there is one.
inline AnyNorm make_final_norm(const TransformerEncoderOptions& options) {
  if (!options.final_norm) return {};
  return make_norm(options.norm, options.embed_dim, {.eps = options.eps, .dtype = options.dtype});
}

/// A block with its residual sum and norm: x + block(norm(x)), or norm(x + block(x)).
template <class Block>
Tensor with_residual(bool norm_first, AnyNorm& norm, const Tensor& x, const Mask& mask, const Block& block) {
  if (norm_first) return x + block(normalize(norm, x, mask));
  return normalize(norm, x + block(x), mask);
}

// Small ones for the catalogue, encoders' and decoders' alike.

inline TransformerEncoderLayerOptions sample_layer(Norm norm, bool norm_first) {
  return {.embed_dim = 4,
          .num_heads = 2,
          .ffn_dim = 5,
          .norm = norm,
          .norm_first = norm_first,
          .dropout = 0.1,
          .activation = Activation::gelu,
          .dtype = float64};
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

/// linear2(dropout(activation(linear1(x))))
inline Tensor feed_forward(Tensor x, const Linear& linear1, Activation activation, const Dropout& dropout,
                           const Linear& linear2) {
  const Tensor hidden = linear1(x);
  x = {};  // of a normalised input, which the tape does not keep, the memory is free for what is largest here
  return linear2(dropout(activate(activation, hidden)));
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
