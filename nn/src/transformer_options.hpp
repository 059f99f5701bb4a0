// Widths and options of encoders and decoders, checked before the first part is made of them.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <limits>

#include "expect_options.hpp"
#include "tapegrad/base/error.hpp"

namespace tapegrad::nn {

/// Throws ValueError unless four times as many are a number, as a feed-forward block's width is by default.
inline void expect_width(const char* layer, std::int64_t embed_dim) {
  if (embed_dim > std::numeric_limits<std::int64_t>::max() / 4)
    throw ValueError(fmt::format("[{}] embed_dim {} is too large", layer, embed_dim));
}

inline std::int64_t hidden_width(std::int64_t ffn_dim, std::int64_t embed_dim) {
  return ffn_dim == 0 ? 4 * embed_dim : ffn_dim;
}

/// The options of a layer or of a stack of layers, once they have been checked.
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

}  // namespace tapegrad::nn
