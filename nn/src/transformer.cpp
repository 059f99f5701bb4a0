#include "tapegrad/nn/transformer.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <utility>

#include "expect_options.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/nn/catalogue.hpp"
#include "transformer_blocks.hpp"
#include "transformer_options.hpp"
#include "transformer_samples.hpp"
#include "transformer_stack.hpp"

namespace tapegrad::nn {

namespace {

/// The options, once they have been checked: before the first part is made of them.
const FeedForwardOptions& checked_feed_forward(const FeedForwardOptions& options) {
  if (options.embed_dim < 1 || options.ffn_dim < 0)
    throw ValueError(
        fmt::format("[FeedForward] expected embed_dim of at least 1 and ffn_dim of at least 0, got {} and {}",
                    options.embed_dim, options.ffn_dim));
  expect_feed_forward("FeedForward", options);
  expect_dropout("FeedForward", options.dropout);
  expect_floating("FeedForward", options.dtype);
  return options;
}

}  // namespace

FeedForward::FeedForward(FeedForwardOptions options)
    : linear1(make_linear1(checked_feed_forward(options))),
      dropout(options.dropout),
      linear2(make_linear2(options)),
      activation_(options.activation),
      gate_(options.gate) {}

Tensor FeedForward::operator()(const Tensor& x) const {
  const Scope scope = entered();
  return feed_forward(x, linear1, activation_, gate_, dropout, linear2);
}

TransformerEncoderLayer::TransformerEncoderLayer(TransformerEncoderLayerOptions options)
    : self_attn({.embed_dim = checked_transformer("TransformerEncoderLayer", options).embed_dim,
                 .num_heads = options.num_heads,
                 .dropout = options.dropout,
                 .rotary = options.rotary,
                 .dtype = options.dtype}),
      linear1(make_linear1(options)),
      linear2(make_linear2(options)),
      norm1(make_norm(options.norm, options.embed_dim, {.eps = options.eps, .dtype = options.dtype})),
      norm2(make_norm(options.norm, options.embed_dim, {.eps = options.eps, .dtype = options.dtype})),
      dropout(options.dropout),
      dropout1(options.dropout),
      dropout2(options.dropout),
      norm_first_(options.norm_first),
      activation_(options.activation),
      gate_(options.gate) {}

template <class Attend>
Tensor TransformerEncoderLayer::around(const Attend& attend, const Tensor& x, const Mask& mask) {
  expect_defined("TransformerEncoderLayer", x);
  const Tensor h = with_residual(norm_first_, norm1, x, mask, [&](const Tensor& y) { return dropout1(attend(y)); });
  return with_residual(norm_first_, norm2, h, mask, [&](Tensor y) {
    return dropout2(feed_forward(std::move(y), linear1, activation_, gate_, dropout, linear2));
  });
}

Tensor TransformerEncoderLayer::operator()(const Tensor& x, const Mask& mask, const Tensor& bias) {
  const Scope scope = entered();
  return around([&](const Tensor& y) { return self_attn(y, y, y, mask, bias); }, x, mask);
}

Tensor TransformerEncoderLayer::extend(const Tensor& x, AttentionCache& cache, const Mask& mask, const Tensor& bias) {
  const Scope scope = entered();
  AttentionCache longer = cache;
  Tensor y =
      around([&](const Tensor& h) { return self_attn.extend(h, longer, mask, bias); }, x, last_positions(mask, x));
  cache = std::move(longer);
  return y;
}

TransformerEncoder::TransformerEncoder(TransformerEncoderOptions options)
    : layers(make_layers<TransformerEncoderLayer>("TransformerEncoder", options)), norm(make_final_norm(options)) {}

Tensor TransformerEncoder::operator()(const Tensor& x, const Mask& mask, const Tensor& bias) {
  const Scope scope = entered();
  expect_defined("TransformerEncoder", x);
  Tensor h = x;
  for (TransformerEncoderLayer& layer : layers) h = layer(h, mask, bias);
  return apply_norm(norm, h, mask);
}

Tensor TransformerEncoder::extend(const Tensor& x, std::vector<AttentionCache>& caches, const Mask& mask,
                                  const Tensor& bias) {
  const Scope scope = entered();
  expect_defined("TransformerEncoder", x);
  std::vector<AttentionCache> longer = caches.empty() ? std::vector<AttentionCache>(layers.size()) : caches;
  expect_caches("TransformerEncoder", longer.size(), layers.size());
  Tensor h = x;
  for (std::size_t i = 0; i < layers.size(); ++i) h = layers[i].extend(h, longer[i], mask, bias);
  h = apply_norm(norm, h, last_positions(mask, x));
  caches = std::move(longer);
  return h;
}

namespace {

struct FeedForwardEntry {
  static constexpr std::string_view math =
      R"(y = W_2\, \mathrm{dropout}(f(W_1 x + b_1)) + b_2,\ f \text{ the activation or the gated unit})";
  static catalogue::LayerSamples samples(Generator& g) {
    using namespace catalogue;
    return {
        layer_sample("silu",
                     FeedForward({.embed_dim = 3, .ffn_dim = 4, .activation = Activation::silu, .dtype = float64}),
                     {uniform(g, {2, 2, 3}, -2, 2)}),
        layer_sample("gelu, dropout",
                     FeedForward({.embed_dim = 2, .dropout = 0.3, .activation = Activation::gelu, .dtype = float64}),
                     {uniform(g, {2, 2, 2}, -2, 2)}),
        layer_sample("glu", FeedForward({.embed_dim = 2, .ffn_dim = 3, .gate = Gate::glu, .dtype = float64}),
                     {uniform(g, {2, 2, 2}, -2, 2)}),
        layer_sample("swiglu", FeedForward({.embed_dim = 3, .gate = Gate::swiglu, .dtype = float64}),
                     {uniform(g, {2, 2, 3}, -2, 2)}),
        layer_sample("geglu, dropout",
                     FeedForward({.embed_dim = 2, .dropout = 0.3, .gate = Gate::geglu, .dtype = float64}),
                     {uniform(g, {2, 2, 2}, -2, 2)})};
  }
  static catalogue::ErrorSamples errors() {
    return {{"another width",
             [] {
               (void)FeedForward({.embed_dim = 3})(ones({2, 4}));
             },
             "[linear]"},
            {"no width", [] { FeedForward({}); },
             "[FeedForward] expected embed_dim of at least 1 and ffn_dim of at least 0, got 0 and 0"},
            {"hidden width", [] { FeedForward({.embed_dim = 3, .ffn_dim = -2}); },
             "[FeedForward] expected embed_dim of at least 1 and ffn_dim of at least 0, got 3 and -2"},
            {"gate and activation",
             [] { FeedForward({.embed_dim = 3, .activation = Activation::silu, .gate = Gate::swiglu}); },
             "[FeedForward] a gate stands in the activation's place: give one of the two"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) {
    return catalogue::layer_sample("[64, 12, 64]",
                                   FeedForward({.embed_dim = 64, .activation = Activation::gelu, .dtype = float64}),
                                   {catalogue::uniform(g, {64, 12, 64}, -2, 2)});
  }
};

/// x [2, 3, 4] with two positions of the second sequence valid.
template <class Encoder>
catalogue::LayerSample padded_encoder(Generator& g, const std::string& name, Encoder encoder) {
  const Mask mask = Mask::from_lengths({3, 2}, 3);
  return catalogue::layer_sample(name, std::move(encoder), {catalogue::uniform(g, {2, 3, 4}, -2, 2)},
                                 [mask](Encoder& self, const Tensor& x) { return self(x, mask); });
}

struct TransformerEncoderLayerEntry {
  static constexpr std::string_view math =
      R"(h = N_1(x + A(x)),\ y = N_2(h + F(h));\quad \text{norm first: } h = x + A(N_1(x)),\ y = h + F(N_2(h));\quad A \text{ is self-attention, } F \text{ the feed-forward part, } N_1 \text{ and } N_2 \text{ are norms})";
  static catalogue::LayerSamples samples(Generator& g) {
    const auto layer = [](Norm norm, bool norm_first) {
      return TransformerEncoderLayer(sample_layer(norm, norm_first));
    };
    return {padded_encoder(g, "layer norm", layer(Norm::layer, false)),
            padded_encoder(g, "layer norm first", layer(Norm::layer, true)),
            padded_encoder(g, "batch norm", layer(Norm::batch, false)),
            padded_encoder(g, "batch norm first", layer(Norm::batch, true)),
            padded_encoder(g, "rms norm", layer(Norm::rms, false)),
            padded_encoder(g, "no norm", layer(Norm::none, false)),
            padded_encoder(g, "swiglu, rms norm first",
                           TransformerEncoderLayer(sample_layer(Norm::rms, true, Gate::swiglu))),
            padded_encoder(g, "rotary", TransformerEncoderLayer(rotary_sample()))};
  }
  static catalogue::ErrorSamples errors() {
    return {{"heads", [] { TransformerEncoderLayer({.embed_dim = 6, .num_heads = 4}); },
             "[TransformerEncoderLayer] embed_dim 6 must be a positive multiple of num_heads 4"},
            {"hidden width", [] { TransformerEncoderLayer({.embed_dim = 6, .ffn_dim = -1}); },
             "[TransformerEncoderLayer] expected ffn_dim of at least 0, got -1"},
            {"eps without a norm", [] { TransformerEncoderLayer({.embed_dim = 6, .norm = Norm::none, .eps = -1.0}); },
             "[TransformerEncoderLayer] expected eps of at least 0, got -1"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) {
    return catalogue::layer_sample("32 x 12 positions, width 64, 4 heads",
                                   TransformerEncoderLayer({.embed_dim = 64, .num_heads = 4, .dtype = float64}),
                                   {catalogue::uniform(g, {32, 12, 64}, -2, 2)});
  }
};

struct TransformerEncoderEntry {
  static constexpr std::string_view math =
      R"(y = N(E_n(\cdots E_1(x))),\ E_1, \ldots, E_n \text{ the layers, } N \text{ the last norm, if there is one})";
  static catalogue::LayerSamples samples(Generator& g) {
    const auto encoder = [](std::int64_t layers, bool norm_first, bool final_norm) {
      return TransformerEncoder(sample_stack(layers, norm_first, final_norm));
    };
    return {padded_encoder(g, "two layers", encoder(2, false, false)),
            padded_encoder(g, "norm first and last", encoder(1, true, true))};
  }
  static catalogue::ErrorSamples errors() {
    return {{"layers", [] { TransformerEncoder({.num_layers = -1, .embed_dim = 4}); },
             "[TransformerEncoder] expected 0 to 1048576 layers, got -1"},
            {"hidden width", [] { TransformerEncoder({.embed_dim = 4, .ffn_dim = -3}); },
             "[TransformerEncoder] expected ffn_dim of at least 0, got -3"},
            {"eps without layers", [] { TransformerEncoder({.num_layers = 0, .embed_dim = 4, .eps = -1.0}); },
             "[TransformerEncoder] expected eps of at least 0, got -1"},
            {"dtype", [] { TransformerEncoder({.num_layers = 0, .embed_dim = 4, .dtype = int64}); },
             "[TransformerEncoder] expected a floating dtype, got int64"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) {
    return catalogue::layer_sample(
        "32 x 12 positions, width 32, 2 layers of 4 heads",
        TransformerEncoder({.num_layers = 2, .embed_dim = 32, .num_heads = 4, .norm = Norm::batch, .dtype = float64}),
        {catalogue::uniform(g, {32, 12, 32}, -2, 2)});
  }
};

}  // namespace

TAPEGRAD_LAYER(transformer, FeedForward, FeedForwardEntry)
TAPEGRAD_LAYER(transformer, TransformerEncoderLayer, TransformerEncoderLayerEntry)
TAPEGRAD_LAYER(transformer, TransformerEncoder, TransformerEncoderEntry)

}  // namespace tapegrad::nn
