#include "tapegrad/nn/transformer.hpp"

#include <fmt/format.h>

#include "tapegrad/base/error.hpp"
#include "tapegrad/tape/add.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tapegrad::nn {

namespace {

std::int64_t hidden_width(std::int64_t ffn_dim, std::int64_t embed_dim) {
  return ffn_dim == 0 ? 4 * embed_dim : ffn_dim;
}

}  // namespace

FeedForward::FeedForward(FeedForwardOptions options)
    : linear1(options.embed_dim, hidden_width(options.ffn_dim, options.embed_dim), {.dtype = options.dtype}),
      dropout(options.dropout),
      linear2(hidden_width(options.ffn_dim, options.embed_dim), options.embed_dim, {.dtype = options.dtype}),
      activation_(options.activation) {}

Tensor FeedForward::operator()(const Tensor& x) const {
  const Scope scope(path());
  return linear2(dropout(activate(activation_, linear1(x))));
}

TransformerEncoderLayer::TransformerEncoderLayer(TransformerEncoderLayerOptions options)
    : self_attn({.embed_dim = options.embed_dim,
                 .num_heads = options.num_heads,
                 .dropout = options.dropout,
                 .dtype = options.dtype}),
      linear1(options.embed_dim, hidden_width(options.ffn_dim, options.embed_dim), {.dtype = options.dtype}),
      linear2(hidden_width(options.ffn_dim, options.embed_dim), options.embed_dim, {.dtype = options.dtype}),
      norm1(make_norm(options.norm, options.embed_dim, {.eps = options.eps, .dtype = options.dtype})),
      norm2(make_norm(options.norm, options.embed_dim, {.eps = options.eps, .dtype = options.dtype})),
      dropout(options.dropout),
      dropout1(options.dropout),
      dropout2(options.dropout),
      norm_first_(options.norm_first),
      activation_(options.activation) {}

Tensor TransformerEncoderLayer::attend(const Tensor& x, const Mask& mask) const {
  return dropout1(self_attn(x, x, x, mask));
}

Tensor TransformerEncoderLayer::feed_forward(const Tensor& x) const {
  return dropout2(linear2(dropout(activate(activation_, linear1(x)))));
}

Tensor TransformerEncoderLayer::operator()(const Tensor& x, const Mask& mask) {
  const Scope scope(path());
  if (norm_first_) {
    const Tensor h = add(x, attend(normalize(norm1, x, mask), mask));
    return add(h, feed_forward(normalize(norm2, h, mask)));
  }
  const Tensor h = normalize(norm1, add(x, attend(x, mask)), mask);
  return normalize(norm2, add(h, feed_forward(h)), mask);
}

TransformerEncoder::TransformerEncoder(TransformerEncoderOptions options) {
  if (options.num_layers < 0)
    throw ValueError(fmt::format("[TransformerEncoder] expected at least 0 layers, got {}", options.num_layers));
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
  if (options.final_norm)
    norm = make_norm(options.norm, options.embed_dim, {.eps = options.eps, .dtype = options.dtype});
}

Tensor TransformerEncoder::operator()(const Tensor& x, const Mask& mask) {
  const Scope scope(path());
  Tensor h = x;
  for (TransformerEncoderLayer& layer : layers) h = layer(h, mask);
  return normalize(norm, h, mask);
}

}  // namespace tapegrad::nn
