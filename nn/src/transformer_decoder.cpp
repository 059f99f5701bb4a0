#include "tapegrad/nn/transformer_decoder.hpp"

#include <cstddef>
#include <cstdint>
#include <utility>

#include "expect_options.hpp"
#include "tapegrad/nn/catalogue.hpp"
#include "tapegrad/ops/view.hpp"
#include "transformer_blocks.hpp"
#include "transformer_options.hpp"
#include "transformer_samples.hpp"
#include "transformer_stack.hpp"

namespace tapegrad::nn {

TransformerDecoderLayer::TransformerDecoderLayer(TransformerDecoderLayerOptions options)
    : self_attn({.embed_dim = checked_transformer("TransformerDecoderLayer", options).embed_dim,
                 .num_heads = options.num_heads,
                 .dropout = options.dropout,
                 .rotary = options.rotary,
                 .dtype = options.dtype}),
      multihead_attn({.embed_dim = options.embed_dim,
                      .num_heads = options.num_heads,
                      .dropout = options.dropout,
                      .dtype = options.dtype}),
      linear1(make_linear1(options)),
      linear2(make_linear2(options)),
      norm1(make_norm(options.norm, options.embed_dim, {.eps = options.eps, .dtype = options.dtype})),
      norm2(make_norm(options.norm, options.embed_dim, {.eps = options.eps, .dtype = options.dtype})),
      norm3(make_norm(options.norm, options.embed_dim, {.eps = options.eps, .dtype = options.dtype})),
      dropout(options.dropout),
      dropout1(options.dropout),
      dropout2(options.dropout),
      dropout3(options.dropout),
      norm_first_(options.norm_first),
      activation_(options.activation),
      gate_(options.gate) {}

template <class Attend, class AttendToMemory>
Tensor TransformerDecoderLayer::around(const Attend& attend, const AttendToMemory& attend_to_memory, const Tensor& x,
                                       const Mask& mask) {
  expect_defined("TransformerDecoderLayer", x);
  Tensor h = with_residual(norm_first_, norm1, x, mask, [&](const Tensor& y) { return dropout1(attend(y)); });
  h = with_residual(norm_first_, norm2, h, mask, [&](const Tensor& y) { return dropout2(attend_to_memory(y)); });
  return with_residual(norm_first_, norm3, h, mask, [&](Tensor y) {
    return dropout3(feed_forward(std::move(y), linear1, activation_, gate_, dropout, linear2));
  });
}

Tensor TransformerDecoderLayer::operator()(const Tensor& x, const Tensor& memory, const Mask& mask,
                                           const Mask& memory_mask, const Tensor& bias) {
  const Scope scope = entered();
  return around([&](const Tensor& h) { return self_attn(h, h, h, mask, bias); },
                [&](const Tensor& h) { return multihead_attn(h, memory, memory, memory_mask); }, x, mask);
}

DecoderCache TransformerDecoderLayer::remember(const Tensor& memory) const {
  const Scope scope = entered();
  return {{}, multihead_attn.remember(memory, memory)};
}

Tensor TransformerDecoderLayer::extend(const Tensor& x, DecoderCache& cache, const Mask& mask, const Mask& memory_mask,
                                       const Tensor& bias) {
  const Scope scope = entered();
  AttentionCache longer = cache.sequence;
  Tensor y = around([&](const Tensor& h) { return self_attn.extend(h, longer, mask, bias); },
                    [&](const Tensor& h) { return multihead_attn.recall(h, cache.memory, memory_mask); }, x,
                    last_positions(mask, x));
  cache.sequence = std::move(longer);
  return y;
}

TransformerDecoder::TransformerDecoder(TransformerDecoderOptions options)
    : layers(make_layers<TransformerDecoderLayer>("TransformerDecoder", options)), norm(make_final_norm(options)) {}

Tensor TransformerDecoder::operator()(const Tensor& x, const Tensor& memory, const Mask& mask, const Mask& memory_mask,
                                      const Tensor& bias) {
  const Scope scope = entered();
  expect_defined("TransformerDecoder", x);
  expect_defined("TransformerDecoder", memory, "the memory");
  Tensor h = x;
  for (TransformerDecoderLayer& layer : layers) h = layer(h, memory, mask, memory_mask, bias);
  return apply_norm(norm, h, mask);
}

std::vector<DecoderCache> TransformerDecoder::remember(const Tensor& memory) const {
  const Scope scope = entered();
  expect_defined("TransformerDecoder", memory, "the memory");
  std::vector<DecoderCache> caches;
  for (const TransformerDecoderLayer& layer : layers) caches.push_back(layer.remember(memory));
  return caches;
}

Tensor TransformerDecoder::extend(const Tensor& x, std::vector<DecoderCache>& caches, const Mask& mask,
                                  const Mask& memory_mask, const Tensor& bias) {
  const Scope scope = entered();
  expect_defined("TransformerDecoder", x);
  expect_caches("TransformerDecoder", caches.size(), layers.size());
  std::vector<DecoderCache> longer = caches;
  Tensor h = x;
  for (std::size_t i = 0; i < layers.size(); ++i) h = layers[i].extend(h, longer[i], mask, memory_mask, bias);
  h = apply_norm(norm, h, last_positions(mask, x));
  caches = std::move(longer);
  return h;
}

namespace {

using catalogue::layer_sample;
using catalogue::uniform;

/// x [2, 3, 4] with two positions of the second sequence valid, and a memory [2, 4, 4] with three of the first.
template <class Decoder>
catalogue::LayerSample padded_decoder(Generator& g, const std::string& name, Decoder decoder) {
  const Mask mask = Mask::causal() & Mask::from_lengths({3, 2}, 3), memory_mask = Mask::from_lengths({3, 4}, 4);
  return layer_sample(
      name, std::move(decoder), {uniform(g, {2, 3, 4}, -2, 2), uniform(g, {2, 4, 4}, -2, 2)},
      [=](Decoder& self, const Tensor& x, const Tensor& memory) { return self(x, memory, mask, memory_mask); });
}

/// The first position, then the others: gradients go through what the caches hold.
template <class Decoder>
catalogue::LayerSample decoder_in_pieces(Generator& g, Decoder decoder) {
  return layer_sample("in two pieces", std::move(decoder), {uniform(g, {2, 3, 4}, -2, 2), uniform(g, {2, 4, 4}, -2, 2)},
                      [](Decoder& self, const Tensor& x, const Tensor& memory) {
                        auto cache = self.remember(memory);
                        const Tensor first = self.extend(slice(x, 1, {.stop = 1}), cache);
                        return cat({first, self.extend(slice(x, 1, {.start = 1}), cache)}, 1);
                      });
}

struct TransformerDecoderLayerEntry {
  static constexpr std::string_view math =
      R"(h = N_1(x + A(x)),\ g = N_2(h + C(h, m)),\ y = N_3(g + F(g));\quad \text{norm first: } h = x + A(N_1(x)),\ g = h + C(N_2(h), m),\ y = g + F(N_3(g));\quad A \text{ is self-attention, } C \text{ attention to the memory } m, F \text{ the feed-forward part, } N_1, N_2 \text{ and } N_3 \text{ are norms})";
  static catalogue::LayerSamples samples(Generator& g) {
    const auto layer = [](Norm norm, bool norm_first) {
      return TransformerDecoderLayer(sample_layer(norm, norm_first));
    };
    return {padded_decoder(g, "layer norm", layer(Norm::layer, false)),
            padded_decoder(g, "layer norm first", layer(Norm::layer, true)),
            padded_decoder(g, "batch norm", layer(Norm::batch, false)),
            padded_decoder(g, "geglu", TransformerDecoderLayer(sample_layer(Norm::layer, false, Gate::geglu))),
            decoder_in_pieces(g, layer(Norm::layer, true)),
            padded_decoder(g, "rotary", TransformerDecoderLayer(rotary_sample()))};
  }
  static catalogue::ErrorSamples errors() {
    return {{"heads", [] { TransformerDecoderLayer({.embed_dim = 6, .num_heads = 4}); },
             "[TransformerDecoderLayer] embed_dim 6 must be a positive multiple of num_heads 4"},
            {"memory",
             [] {
               (void)TransformerDecoderLayer({.embed_dim = 4})(ones({2, 3, 4}), ones({3, 5, 4}));
             },
             "[MultiHeadAttention] expected query [N, Lq, 4], key [N, Lk, 4] and value [N, Lk, 4], got [2, 3, 4], [3, "
             "5, 4] and [3, 5, 4]"},
            {"another batch",
             [] {
               TransformerDecoderLayer layer({.embed_dim = 4, .num_heads = 2});
               DecoderCache cache = layer.remember(ones({3, 5, 4}));
               (void)layer.extend(ones({2, 1, 4}), cache);
             },
             "[MultiHeadAttention] expected a cache of keys and values [2, 2, L, 2] for [2, 1, 4], got [3, 2, 5, 2] "
             "and [3, 2, 5, 2]"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) {
    return layer_sample("32 x 12 positions, a memory of 12, width 64, 4 heads",
                        TransformerDecoderLayer({.embed_dim = 64, .num_heads = 4, .dtype = float64}),
                        {uniform(g, {32, 12, 64}, -2, 2), uniform(g, {32, 12, 64}, -2, 2)});
  }
};

struct TransformerDecoderEntry {
  static constexpr std::string_view math =
      R"(y = N(D_n(\cdots D_1(x, m) \cdots, m)),\ D_1, \ldots, D_n \text{ the layers, } m \text{ the memory, } N \text{ the last norm, if there is one})";
  static catalogue::LayerSamples samples(Generator& g) {
    const auto decoder = [](std::int64_t layers, bool norm_first, bool final_norm) {
      return TransformerDecoder(sample_stack(layers, norm_first, final_norm));
    };
    return {padded_decoder(g, "two layers", decoder(2, false, false)), decoder_in_pieces(g, decoder(2, true, true))};
  }
  static catalogue::ErrorSamples errors() {
    return {{"layers", [] { TransformerDecoder({.num_layers = -1, .embed_dim = 4}); },
             "[TransformerDecoder] expected 0 to 1048576 layers, got -1"},
            {"caches",
             [] {
               std::vector<DecoderCache> none;
               (void)TransformerDecoder({.num_layers = 2, .embed_dim = 4}).extend(ones({2, 1, 4}), none);
             },
             "[TransformerDecoder] expected a cache for each of 2 layers, got 0"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) {
    return layer_sample("32 x 12 positions, a memory of 12, width 32, 2 layers of 4 heads",
                        TransformerDecoder({.num_layers = 2, .embed_dim = 32, .num_heads = 4, .dtype = float64}),
                        {uniform(g, {32, 12, 32}, -2, 2), uniform(g, {32, 12, 32}, -2, 2)});
  }
};

}  // namespace

TAPEGRAD_LAYER(transformer_decoder, TransformerDecoderLayer, TransformerDecoderLayerEntry)
TAPEGRAD_LAYER(transformer_decoder, TransformerDecoder, TransformerDecoderEntry)

}  // namespace tapegrad::nn
