// Encoders and decoders against PyTorch, whole and position by position.
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "nn/reference.hpp"
#include "tapegrad/base/random.hpp"
#include "tapegrad/nn.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/view.hpp"

namespace tg = tapegrad;
namespace nn = tapegrad::nn;
using tg::test::check_against_pytorch;
using tg::test::check_close;
using tg::test::check_masked;
using tg::test::Tensors;

namespace {

tg::Mask decoded_mask(const Tensors& in) { return tg::Mask::causal() & tg::Mask::keep_positions(in.at("keep")); }
tg::Mask memory_mask(const Tensors& in) { return tg::Mask::keep_positions(in.at("memory_keep")); }

/// A decoder's fixture by one call, and position by position.
template <class Decoder>
void check_decoder(const std::string& name, Decoder decoder) {
  check_against_pytorch({name}, decoder, [&](const Tensors& in) {
    return Tensors{{"y", decoder(in.at("input"), in.at("memory"), decoded_mask(in), memory_mask(in))}};
  });
  check_against_pytorch({name}, decoder, [&](const Tensors& in) {
    auto cache = decoder.remember(in.at("memory"));
    std::vector<tg::Tensor> ys;
    for (std::int64_t p = 0; p < in.at("input").size(1); ++p) {
      const tg::Mask so_far = tg::Mask::keep_positions(tg::slice(in.at("keep"), 1, {.stop = p + 1}));
      ys.push_back(
          decoder.extend(tg::slice(in.at("input"), 1, {.start = p, .stop = p + 1}), cache, so_far, memory_mask(in)));
    }
    return Tensors{{"y", tg::cat(ys, 1)}};
  });
}

nn::TransformerDecoderOptions decoder_options(bool norm_first, nn::Activation activation) {
  return {.num_layers = 2,
          .embed_dim = 6,
          .num_heads = 2,
          .ffn_dim = 10,
          .norm_first = norm_first,
          .dropout = 0.0,
          .activation = activation,
          .final_norm = true,
          .dtype = tg::float64};
}

nn::TransformerDecoderLayer decoder_layer(bool norm_first, nn::Activation activation) {
  return nn::TransformerDecoderLayer({.embed_dim = 6,
                                      .num_heads = 2,
                                      .ffn_dim = 10,
                                      .norm_first = norm_first,
                                      .dropout = 0.0,
                                      .activation = activation,
                                      .dtype = tg::float64});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(transformer)

BOOST_AUTO_TEST_CASE(transformer_encoder_layer) {
  const auto options = [](bool norm_first, nn::Activation activation, nn::Norm norm) {
    return nn::TransformerEncoderLayerOptions{.embed_dim = 6,
                                              .num_heads = 2,
                                              .ffn_dim = 10,
                                              .norm = norm,
                                              .norm_first = norm_first,
                                              .dropout = 0.0,
                                              .activation = activation,
                                              .dtype = tg::float64};
  };
  for (const bool norm_first : {false, true}) {
    const std::string where = norm_first ? "encoder_layer_pre_" : "encoder_layer_post_";
    for (const auto& [name, activation] :
         {std::pair{"norm_relu", nn::Activation::relu}, std::pair{"norm_gelu", nn::Activation::gelu}})
      check_masked({where + name}, nn::TransformerEncoderLayer(options(norm_first, activation, nn::Norm::layer)));
    for (const auto& [name, norm] :
         {std::pair{"rms", nn::Norm::rms}, std::pair{"batch", nn::Norm::batch}, std::pair{"none", nn::Norm::none}})
      check_masked({where + name, 1e-11, {{"y", "input.keep"}}},
                   nn::TransformerEncoderLayer(options(norm_first, nn::Activation::relu, norm)));
  }
  nn::TransformerEncoderLayer causal(options(true, nn::Activation::gelu, nn::Norm::layer));
  check_against_pytorch({"encoder_layer_causal"}, causal, [&](const Tensors& in) {
    return Tensors{{"y", causal(in.at("input"), tg::Mask::causal())}};
  });
  nn::TransformerEncoderLayer biased(options(true, nn::Activation::gelu, nn::Norm::layer));
  check_against_pytorch({"encoder_layer_bias"}, biased, [&](const Tensors& in) {
    return Tensors{{"y", biased(in.at("input"), {}, in.at("bias"))}};
  });
}

BOOST_AUTO_TEST_CASE(transformer_encoder) {
  for (const bool norm_first : {false, true})
    check_masked({norm_first ? "encoder_pre_norm_2_layers" : "encoder_post_norm_2_layers"},
                 nn::TransformerEncoder({.num_layers = 2,
                                         .embed_dim = 6,
                                         .num_heads = 2,
                                         .ffn_dim = 10,
                                         .norm_first = norm_first,
                                         .dropout = 0.0,
                                         .activation = nn::Activation::gelu,
                                         .final_norm = true,
                                         .dtype = tg::float64}));
}

BOOST_AUTO_TEST_CASE(transformer_decoder) {
  for (const bool norm_first : {false, true}) {
    const std::string where = norm_first ? "pre_norm_" : "post_norm_";
    check_decoder("decoder_layer_" + where + "relu", decoder_layer(norm_first, nn::Activation::relu));
    check_decoder("decoder_layer_" + where + "gelu", decoder_layer(norm_first, nn::Activation::gelu));
    check_decoder("decoder_" + where + "2_layers",
                  nn::TransformerDecoder(decoder_options(norm_first, nn::Activation::gelu)));
  }
  nn::TransformerDecoderLayer layer = decoder_layer(false, nn::Activation::relu);
  check_against_pytorch({"decoder_layer_unmasked"}, layer, [&](const Tensors& in) {
    return Tensors{{"y", layer(in.at("tgt"), in.at("memory"))}};
  });
}

BOOST_AUTO_TEST_CASE(gated_feed_forward_blocks) {
  const auto sigmoid = [](const tg::Tensor& z) { return 1.0 / (1.0 + tg::exp(-z)); };
  // Values in front, gates behind.
  const auto block = [&](nn::Gate gate, const nn::Linear& linear1, const nn::Linear& linear2, const tg::Tensor& x) {
    const tg::Tensor both = tg::linear(x, linear1.weight, linear1.bias);
    const tg::Tensor a = tg::slice(both, -1, {.stop = 5}), b = tg::slice(both, -1, {.start = 5});
    const tg::Tensor opening = gate == nn::Gate::glu      ? sigmoid(b)
                               : gate == nn::Gate::swiglu ? b * sigmoid(b)
                                                          : b * 0.5 * (1.0 + tg::erf(b / std::sqrt(2.0)));
    return tg::linear(a * opening, linear2.weight, linear2.bias);
  };
  const tg::Tensor x = tg::randn({2, 3, 4}, {.dtype = tg::float64});
  const tg::Tensor memory = tg::randn({2, 2, 4}, {.dtype = tg::float64});
  for (const nn::Gate gate : {nn::Gate::glu, nn::Gate::swiglu, nn::Gate::geglu}) {
    const nn::FeedForward feed_forward({.embed_dim = 4, .ffn_dim = 5, .gate = gate, .dtype = tg::float64});
    BOOST_TEST(tg::to_string(feed_forward.linear1.weight.shape()) == "[10, 4]");
    BOOST_TEST(tg::to_string(feed_forward.linear2.weight.shape()) == "[4, 5]");
    check_close(feed_forward(x), block(gate, feed_forward.linear1, feed_forward.linear2, x));

    nn::TransformerEncoder encoder({.num_layers = 1,
                                    .embed_dim = 4,
                                    .num_heads = 2,
                                    .ffn_dim = 5,
                                    .norm = nn::Norm::none,
                                    .dropout = 0.0,
                                    .gate = gate,
                                    .dtype = tg::float64});
    const nn::TransformerEncoderLayer& e = encoder.layers[0];
    const tg::Tensor h = x + e.self_attn(x, x, x);
    check_close(encoder(x), h + block(gate, e.linear1, e.linear2, h));

    nn::TransformerDecoder decoder({.num_layers = 1,
                                    .embed_dim = 4,
                                    .num_heads = 2,
                                    .ffn_dim = 5,
                                    .norm = nn::Norm::none,
                                    .dropout = 0.0,
                                    .gate = gate,
                                    .dtype = tg::float64});
    const nn::TransformerDecoderLayer& d = decoder.layers[0];
    const tg::Tensor own = x + d.self_attn(x, x, x);
    const tg::Tensor both = own + d.multihead_attn(own, memory, memory);
    check_close(decoder(x, memory), both + block(gate, d.linear1, d.linear2, both));
  }
  BOOST_TEST(tg::to_string(nn::FeedForward({.embed_dim = 4, .gate = nn::Gate::glu}).linear1.weight.shape()) ==
             "[32, 4]");
}

BOOST_AUTO_TEST_CASE(rotary_layers_attend_to_themselves_in_turned_heads) {
  const tg::RotaryOptions rotary{.base = 30.0, .first = 2, .pairs = tg::RotaryPairs::halves};
  const nn::TransformerEncoderOptions options{.num_layers = 1,
                                              .embed_dim = 8,
                                              .num_heads = 2,
                                              .norm = nn::Norm::none,
                                              .dropout = 0.0,
                                              .rotary = rotary,
                                              .dtype = tg::float64};
  const auto turned = [&](const nn::MultiHeadAttention& of, const tg::Tensor& h) {
    nn::MultiHeadAttention attention({.embed_dim = 8, .num_heads = 2, .rotary = rotary, .dtype = tg::float64});
    attention.load_state_dict(of.state_dict());
    return h + attention(h, h, h);
  };
  const auto fed = [](const auto& layer, const tg::Tensor& h) { return h + layer.linear2(tg::relu(layer.linear1(h))); };
  const tg::Tensor x = tg::randn({2, 5, 8}, {.dtype = tg::float64});
  const tg::Tensor memory = tg::randn({2, 3, 8}, {.dtype = tg::float64});
  nn::TransformerEncoder encoder(options);
  check_close(encoder(x), fed(encoder.layers[0], turned(encoder.layers[0].self_attn, x)));
  nn::TransformerDecoder decoder(options);
  const tg::Tensor h = turned(decoder.layers[0].self_attn, x);
  nn::MultiHeadAttention unturned({.embed_dim = 8, .num_heads = 2, .dtype = tg::float64});
  unturned.load_state_dict(decoder.layers[0].multihead_attn.state_dict());
  check_close(decoder(x, memory), fed(decoder.layers[0], h + unturned(h, memory, memory)));
}

BOOST_AUTO_TEST_SUITE_END()
