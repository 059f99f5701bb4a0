// Widths and options of encoders and decoders, checked before the first part is made of them.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <limits>

#include "expect_options.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/nn/activation.hpp"
#include "tapegrad/nn/linear.hpp"
#include "tapegrad/nn/norm.hpp"

namespace tapegrad::nn {

/// What a feed-forward block is made with. Throws ValueError unless its widths are numbers, for what is no
/// Activation or no Gate, and for an activation that a gate would leave out.
template <class Options>
void expect_feed_forward(const char* layer, const Options& options) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / 2;  // linear1 is twice as wide with a gate
  if (options.embed_dim > kMost / 4)
    throw ValueError(fmt::format("[{}] embed_dim {} is too large", layer, options.embed_dim));
  if (options.ffn_dim > kMost) throw ValueError(fmt::format("[{}] ffn_dim {} is too large", layer, options.ffn_dim));
  expect_activation(layer, options.activation);
  if (options.gate > Gate::geglu) throw ValueError(fmt::format("[{}] no such gate", layer));
  if (options.gate != Gate::none && options.activation != Activation::relu)
    throw ValueError(fmt::format("[{}] a gate stands in the activation's place: give one of the two", layer));
}

inline std::int64_t hidden_width(std::int64_t ffn_dim, std::int64_t embed_dim) {
  return ffn_dim == 0 ? 4 * embed_dim : ffn_dim;
}

/// The block's two products: E to the hidden width, or with a gate to twice that, and from the hidden width to E.
template <class Options>
Linear make_linear1(const Options& options) {
  const std::int64_t hidden = hidden_width(options.ffn_dim, options.embed_dim);
  return Linear(options.embed_dim, options.gate == Gate::none ? hidden : 2 * hidden, {.dtype = options.dtype});
}
template <class Options>
Linear make_linear2(const Options& options) {
  return Linear(hidden_width(options.ffn_dim, options.embed_dim), options.embed_dim, {.dtype = options.dtype});
}

/// The options of a layer or of a stack of layers, once they have been checked.
template <class Options>
const Options& checked_transformer(const char* layer, const Options& options) {
  expect_heads(layer, options.embed_dim, options.num_heads);
  if (options.ffn_dim < 0)
    throw ValueError(fmt::format("[{}] expected ffn_dim of at least 0, got {}", layer, options.ffn_dim));
  expect_feed_forward(layer, options);
  if (options.norm > Norm::none) throw ValueError(fmt::format("[{}] no such norm", layer));
  expect_dropout(layer, options.dropout);
  expect_eps(layer, options.eps);
  expect_rotary(layer, options);
  expect_floating(layer, options.dtype);
  return options;
}

}  // namespace tapegrad::nn
