// Every layer against PyTorch: results, gradients of inputs and parameters, buffers after, names of the state_dict.
#include <algorithm>
#include <cmath>
#include <functional>
#include <latch>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "fixture.hpp"
#include "says.hpp"
#include "tapegrad/array/memory.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/nn.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/same_bits.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tg = tapegrad;
namespace nn = tapegrad::nn;
using tg::test::check_close;
using tg::test::Fixture;
using tg::test::says;
using Tensors = std::map<std::string, tg::Tensor>;

namespace {

struct Case {
  std::string name;
  double tolerance = 1e-12;
  /// Output -> its mask [N, L] of positions that are compared.
  std::map<std::string, std::string> compared = {};
};

void load(nn::Module& model, const Fixture& fixture) {
  tg::NamedTensors state;
  for (const char* kind : {"param.", "buffer."})
    for (const std::string& name : fixture.names(kind)) state.insert(name, fixture[kind + name]);
  const nn::StateDifference different = model.load_state_dict(state, {.strict = false});
  BOOST_TEST(different.unexpected.empty());
  BOOST_TEST(different.misshapen.empty());
  for (const std::string& name : different.missing) BOOST_TEST(name.ends_with("num_batches_tracked"));
}

tg::Tensor zero_where_hidden(const tg::Tensor& y, const tg::Tensor& keep) {
  return tg::where(tg::unsqueeze(keep, -1), y, 0.0);
}

/// Loads the fixture's parameters into the model, calls it with the fixture's inputs, pulls the cotangents back and
/// compares everything the fixture has.
void check(const Case& which, nn::Module& model, const std::function<Tensors(const Tensors&)>& call) {
  BOOST_TEST_CONTEXT(which.name) {
    const Fixture fixture(which.name);
    load(model, fixture);
    const tg::NamedTensors parameters = model.named_parameters();
    model.zero_grad();
    Tensors inputs;
    for (const std::string& name : fixture.names("input.")) {
      inputs[name] = fixture["input." + name];
      if (is_floating(inputs[name].dtype())) inputs[name].set_requires_grad(true);
    }

    tg::Tape tape;
    const Tensors outputs = call(inputs);
    tg::Tensor pulled;
    for (const std::string& name : fixture.names("cotangent.")) {
      const tg::Tensor part = tg::sum(outputs.at(name) * fixture["cotangent." + name]);
      pulled = pulled.defined() ? pulled + part : part;
    }
    for (const auto& [name, y] : outputs) {
      const tg::NoRecord pause;
      const auto mask = which.compared.find(name);
      tg::Tensor actual = y.detach();
      tg::Tensor expected = fixture["output." + name];
      if (mask != which.compared.end()) {
        actual = zero_where_hidden(actual, fixture[mask->second]);
        expected = zero_where_hidden(expected, fixture[mask->second]);
      }
      BOOST_TEST_CONTEXT("output " << name) check_close(actual, expected, which.tolerance);
    }
    tape.backward(pulled);

    for (const std::string& name : fixture.names("grad.input.")) BOOST_TEST_CONTEXT("gradient of input " << name)
    check_close(inputs.at(name).grad(), fixture["grad.input." + name], which.tolerance);
    for (const std::string& name : fixture.names("grad.param.")) BOOST_TEST_CONTEXT("gradient of " << name)
    check_close(parameters.at(name).grad(), fixture["grad.param." + name], which.tolerance);
    for (const std::string& name : fixture.names("buffer_after.")) BOOST_TEST_CONTEXT("buffer " << name)
    check_close(model.named_buffers().at(name), fixture["buffer_after." + name], which.tolerance);
  }
}

/// A layer of one input.
template <class Model>
void check_unary(const Case& which, Model model) {
  check(which, model, [&](const Tensors& in) { return Tensors{{"y", model(in.at("input"))}}; });
}

/// A layer that takes a mask of positions, [N, L].
template <class Model>
void check_masked(const Case& which, Model model) {
  check(which, model, [&](const Tensors& in) {
    return Tensors{{"y", model(in.at("input"), tg::Mask::keep_positions(in.at("keep")))}};
  });
}

/// [1, length, features]: what a layer adds that was never called before.
tg::Tensor rows_alone(std::int64_t length, std::int64_t features, tg::DType dtype) {
  return tg::unsqueeze(nn::sinusoidal_positions(length, features, dtype), 0);
}

void check_positions(const nn::SinusoidalPosition& layer, std::int64_t features,
                     const std::vector<std::int64_t>& lengths) {
  for (const std::int64_t length : lengths)
    for (const tg::DType dtype : {tg::float32, tg::float64})
      BOOST_TEST(
          same_bits(layer(tg::zeros({1, length, features}, {.dtype = dtype})), rows_alone(length, features, dtype)),
          "length " << length << ", " << to_string(dtype));
}

struct NoParameters : nn::Module {
  TAPEGRAD_MODULE()
};

}  // namespace

BOOST_AUTO_TEST_SUITE(layers)

BOOST_AUTO_TEST_CASE(linear) {
  check_unary({"linear"}, nn::Linear(5, 3, {.dtype = tg::float64}));
  check_unary({"linear_no_bias"}, nn::Linear(5, 3, {.bias = false, .dtype = tg::float64}));
}

BOOST_AUTO_TEST_CASE(embedding) {
  check_unary({"embedding"}, nn::Embedding(7, 4, {.dtype = tg::float64}));
  check_unary({"embedding_padding_idx"}, nn::Embedding(7, 4, {.padding_idx = 2, .dtype = tg::float64}));
}

BOOST_AUTO_TEST_CASE(layer_norm) {
  check_unary({"layer_norm"}, nn::LayerNorm(6, {.dtype = tg::float64}));
  check_unary({"layer_norm_no_affine"}, nn::LayerNorm(6, {.affine = false, .dtype = tg::float64}));
  check_unary({"layer_norm_large_eps"}, nn::LayerNorm(5, {.eps = 0.37, .dtype = tg::float64}));
  check_unary({"layer_norm_one_feature"}, nn::LayerNorm(1, {.dtype = tg::float64}));
}

BOOST_AUTO_TEST_CASE(rms_norm) {
  check_unary({"rms_norm"}, nn::RMSNorm(6, {.dtype = tg::float64}));
  check_unary({"rms_norm_large_eps"}, nn::RMSNorm(6, {.eps = 0.37, .dtype = tg::float64}));
}

BOOST_AUTO_TEST_CASE(batch_norm) {
  const auto two_steps = [](const Case& which, nn::BatchNormOptions options) {
    options.dtype = tg::float64;
    nn::BatchNorm model(4, options);
    check(which, model, [&](const Tensors& in) {
      const auto mask = [&](const char* keep) {
        return in.contains(keep) ? tg::Mask::keep_positions(in.at(keep)) : tg::Mask();
      };
      const tg::Tensor first = model(in.at("first"), mask("keep_first"));
      return Tensors{{"first", first}, {"second", model(in.at("second"), mask("keep_second"))}};
    });
    BOOST_TEST(model.num_batches_tracked->item() == 2.0);
  };
  two_steps({"batch_norm_train"}, {});
  two_steps({"batch_norm_train_no_affine"}, {.affine = false});
  two_steps({"batch_norm_train_momentum"}, {.eps = 0.02, .momentum = 0.35});
  two_steps({"batch_norm_masked", 1e-12, {{"first", "input.keep_first"}, {"second", "input.keep_second"}}}, {});
  nn::BatchNorm evaluated(4, {.dtype = tg::float64});
  evaluated.eval();
  check_unary({"batch_norm_eval"}, evaluated);
}

BOOST_AUTO_TEST_CASE(convolutions) {
  const auto conv = [](const std::string& name, std::int64_t in, std::int64_t out, std::int64_t kernel) {
    const Fixture f(name);
    check_unary({name}, nn::Conv1d(in, out, kernel,
                                   {.stride = f.whole_number("stride", 1),
                                    .padding = f.whole_number("padding", 0),
                                    .dilation = f.whole_number("dilation", 1),
                                    .groups = f.whole_number("groups", 1),
                                    .causal = f.truth("causal"),
                                    .bias = f.truth("bias", true),
                                    .dtype = tg::float64}));
  };
  conv("conv1d", 3, 4, 3);
  conv("conv1d_no_bias", 3, 4, 2);
  conv("conv1d_groups", 4, 6, 3);
  conv("conv1d_causal_groups", 4, 2, 3);
  const auto transposed = [](const std::string& name, std::int64_t in, std::int64_t out, std::int64_t kernel) {
    const Fixture f(name);
    check_unary({name}, nn::ConvTranspose1d(in, out, kernel,
                                            {.stride = f.whole_number("stride", 1),
                                             .padding = f.whole_number("padding", 0),
                                             .output_padding = f.whole_number("output_padding", 0),
                                             .groups = f.whole_number("groups", 1),
                                             .dilation = f.whole_number("dilation", 1),
                                             .dtype = tg::float64}));
  };
  transposed("conv_transpose1d_stride", 3, 2, 4);
  transposed("conv_transpose1d_groups", 4, 6, 3);
}

BOOST_AUTO_TEST_CASE(group_and_instance_norm) {
  check_unary({"group_norm", 1e-11}, nn::GroupNorm(2, 4, {.dtype = tg::float64}));
  check_unary({"group_norm_no_affine", 1e-11},
              nn::GroupNorm(2, 6, {.eps = 0.37, .affine = false, .dtype = tg::float64}));
  check_unary({"instance_norm", 1e-11}, nn::InstanceNorm1d(3, {.affine = true, .dtype = tg::float64}));
  check_unary({"instance_norm_no_affine", 1e-11}, nn::InstanceNorm1d(3, {.eps = 0.37, .dtype = tg::float64}));
}

BOOST_AUTO_TEST_CASE(convolutions_and_channel_norms_refuse_what_does_not_fit) {
  BOOST_CHECK_EXCEPTION(nn::Conv1d(4, 3, 2, {.groups = 2}), tg::ValueError,
                        tg::test::says("[Conv1d] 4 and 3 channels do not both fall into 2 groups"));
  BOOST_CHECK_EXCEPTION(nn::ConvTranspose1d(4, 2, 0), tg::ValueError,
                        tg::test::says("[ConvTranspose1d] expected sizes of at least 1, got 4 and 2 channels"));
  BOOST_CHECK_EXCEPTION(nn::Conv1d(4, 2, 3)(tg::zeros({2, 3, 8})), tg::ShapeError,
                        tg::test::says("[conv1d] weight [2, 4, 3] takes 4 channels"));
  BOOST_CHECK_EXCEPTION(nn::GroupNorm(3, 4), tg::ValueError,
                        tg::test::says("[GroupNorm] 4 channels do not fall into 3 groups"));
  BOOST_CHECK_EXCEPTION(nn::GroupNorm(2, 4)(tg::zeros({2, 8, 4})), tg::ShapeError,
                        tg::test::says("[GroupNorm] expected [N, 4, ..], got [2, 8, 4]"));
  BOOST_CHECK_EXCEPTION(nn::InstanceNorm1d(4)(tg::zeros({2, 3, 4})), tg::ShapeError,
                        tg::test::says("[InstanceNorm1d] expected [N, 4, ..], got [2, 3, 4]"));
}

BOOST_AUTO_TEST_CASE(multi_head_attention) {
  const auto attend = [](const std::string& name, bool bias = true, std::optional<std::int64_t> kdim = {},
                         std::optional<std::int64_t> vdim = {}) {
    nn::MultiHeadAttention model(
        {.embed_dim = 6, .num_heads = 2, .bias = bias, .kdim = kdim, .vdim = vdim, .dtype = tg::float64});
    const Fixture fixture(name);
    const auto run = [&](const Tensors& in, bool with_weights) {
      const tg::Tensor& query = in.at("query");
      const tg::Tensor& key = in.contains("key") ? in.at("key") : query;
      const tg::Tensor& value = in.contains("value") ? in.at("value") : query;
      tg::Mask mask;
      if (in.contains("keep")) mask = mask & tg::Mask::keep_positions(in.at("keep"));
      if (in.contains("keep_pairs")) mask = mask & tg::Mask::keep_pairs(in.at("keep_pairs"));
      if (fixture.attributes().at("causal") == "true") mask = mask & tg::Mask::causal();
      if (!with_weights) return Tensors{{"y", model(query, key, value, mask)}};
      const nn::AttentionWithWeights result = model.with_weights(query, key, value, mask);
      return Tensors{{"y", result.y}, {"weights", result.weights}};
    };
    check({name}, model, [&](const Tensors& in) { return run(in, true); });
    if (!fixture.has("cotangent.weights")) check({name}, model, [&](const Tensors& in) { return run(in, false); });
  };
  for (const char* name :
       {"attention_self", "attention_self_weights_gradient", "attention_self_keep", "attention_self_causal",
        "attention_self_causal_keep", "attention_self_pairs", "attention_self_pairs_per_head", "attention_cross",
        "attention_cross_keep", "attention_cross_pairs_keep"})
    attend(name);
  attend("attention_self_no_bias", false);
  attend("attention_cross_kdim", true, 3);
  attend("attention_cross_vdim_no_bias", false, {}, 4);
  attend("attention_cross_kdim_vdim_keep", true, 3, 4);
  nn::MultiHeadAttention one_head({.embed_dim = 3, .num_heads = 1, .dtype = tg::float64});
  check({"attention_one_head"}, one_head, [&](const Tensors& in) {
    const tg::Tensor& x = in.at("query");
    return Tensors{{"y", one_head(x, x, x)}};
  });
}

BOOST_AUTO_TEST_CASE(projections_of_keys_and_values_are_named_as_pytorchs) {
  nn::MultiHeadAttention attention({.embed_dim = 6, .num_heads = 2, .kdim = 3});
  std::vector<std::string> names;
  for (const auto& [name, parameter] : attention.named_parameters()) names.push_back(name);
  BOOST_TEST((names == std::vector<std::string>{"q_proj_weight", "k_proj_weight", "v_proj_weight", "in_proj_bias",
                                                "out_proj.weight", "out_proj.bias"}));
  const tg::Tensor x = tg::zeros({2, 4, 6});
  BOOST_CHECK_EXCEPTION(
      attention(x, x, x), tg::ShapeError,
      says("expected query [N, Lq, 6], key [N, Lk, 3] and value [N, Lk, 6], got [2, 4, 6], [2, 4, 6]"));
  BOOST_CHECK_THROW(nn::MultiHeadAttention({.embed_dim = 6, .vdim = 0}), tg::ValueError);
}

BOOST_AUTO_TEST_CASE(key_and_value_of_one_tensor_are_projected_together) {
  const nn::MultiHeadAttention attention({.embed_dim = 6, .num_heads = 2, .dtype = tg::float64});
  const tg::Tensor query = tg::randn({2, 3, 6}, {.dtype = tg::float64});
  const tg::Tensor memory = tg::randn({2, 5, 6}, {.dtype = tg::float64});
  check_close(attention(query, memory, memory), attention(query, memory, memory.clone()));
}

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
  check({"encoder_layer_causal"}, causal, [&](const Tensors& in) {
    return Tensors{{"y", causal(in.at("input"), tg::Mask::causal())}};
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

tg::Mask decoded_mask(const Tensors& in) { return tg::Mask::causal() & tg::Mask::keep_positions(in.at("keep")); }
tg::Mask memory_mask(const Tensors& in) { return tg::Mask::keep_positions(in.at("memory_keep")); }

/// A decoder's fixture by one call, and position by position.
template <class Decoder>
void check_decoder(const std::string& name, Decoder decoder) {
  check({name}, decoder, [&](const Tensors& in) {
    return Tensors{{"y", decoder(in.at("input"), in.at("memory"), decoded_mask(in), memory_mask(in))}};
  });
  check({name}, decoder, [&](const Tensors& in) {
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

BOOST_AUTO_TEST_CASE(transformer_decoder) {
  for (const bool norm_first : {false, true}) {
    const std::string where = norm_first ? "pre_norm_" : "post_norm_";
    check_decoder("decoder_layer_" + where + "relu", decoder_layer(norm_first, nn::Activation::relu));
    check_decoder("decoder_layer_" + where + "gelu", decoder_layer(norm_first, nn::Activation::gelu));
    check_decoder("decoder_" + where + "2_layers",
                  nn::TransformerDecoder(decoder_options(norm_first, nn::Activation::gelu)));
  }
  nn::TransformerDecoderLayer layer = decoder_layer(false, nn::Activation::relu);
  check({"decoder_layer_unmasked"}, layer, [&](const Tensors& in) {
    return Tensors{{"y", layer(in.at("tgt"), in.at("memory"))}};
  });
}

/// x in pieces of these lengths, one extend() each.
template <class Layer, class Cache>
tg::Tensor in_pieces(Layer& layer, const tg::Tensor& x, const std::vector<std::int64_t>& lengths, Cache cache) {
  std::vector<tg::Tensor> ys;
  std::int64_t first = 0;
  for (const std::int64_t length : lengths) {
    ys.push_back(layer.extend(tg::slice(x, 1, {.start = first, .stop = first + length}), cache));
    first += length;
  }
  return tg::cat(ys, 1);
}

BOOST_AUTO_TEST_CASE(a_causal_sequence_may_arrive_in_pieces) {
  const auto expect_same = [](auto layer, auto cache, const auto& whole) {
    for (const std::vector<std::int64_t>& lengths :
         {std::vector<std::int64_t>{5}, {1, 1, 1, 1, 1}, {2, 3}, {3, 0, 1, 1}, {4, 1}}) {
      tg::Tensor x = tg::randn({2, 5, 6}, {.dtype = tg::float64, .requires_grad = true});
      const tg::Tensor cotangent = tg::randn({2, 5, 6}, {.dtype = tg::float64});
      const auto gradients = [&](const auto& run) {
        tg::Tape tape;
        std::vector<tg::Tensor> of{x};
        for (const tg::Tensor& p : layer.parameters()) of.push_back(p);
        const tg::Tensor y = run();
        std::vector<tg::Tensor> all = tape.gradient(y, of, {.cotangent = cotangent});
        all.push_back(y.detach());
        return all;
      };
      const std::vector<tg::Tensor> expected = gradients([&] { return whole(layer, x); });
      const std::vector<tg::Tensor> actual = gradients([&] { return in_pieces(layer, x, lengths, cache); });
      for (std::size_t i = 0; i < expected.size(); ++i) check_close(actual[i], expected[i], 1e-12);
    }
  };
  expect_same(nn::MultiHeadAttention({.embed_dim = 6, .num_heads = 2, .dtype = tg::float64}), nn::AttentionCache{},
              [](auto& self, const tg::Tensor& x) { return self(x, x, x, tg::Mask::causal()); });
  for (const nn::Norm norm : {nn::Norm::layer, nn::Norm::rms})
    expect_same(nn::TransformerEncoder({.num_layers = 2,
                                        .embed_dim = 6,
                                        .num_heads = 3,
                                        .norm = norm,
                                        .norm_first = norm == nn::Norm::rms,
                                        .dropout = 0.0,
                                        .final_norm = true,
                                        .dtype = tg::float64}),
                std::vector<nn::AttentionCache>{},
                [](auto& self, const tg::Tensor& x) { return self(x, tg::Mask::causal()); });
}

BOOST_AUTO_TEST_CASE(pieces_of_a_sequence_have_masks_of_all_so_far) {
  nn::TransformerEncoder encoder(
      {.num_layers = 2, .embed_dim = 6, .num_heads = 2, .norm = nn::Norm::batch, .dropout = 0.0, .dtype = tg::float64});
  encoder.eval();
  const tg::Tensor x = tg::randn({2, 5, 6}, {.dtype = tg::float64});
  const tg::Tensor keep = tg::from_vector(std::vector<bool>{true, true, false, true, true,  //
                                                            false, true, true, true, false},
                                          {2, 5});
  const tg::Tensor pairs =
      tg::greater(tg::rand({5, 5}, {.dtype = tg::float64}), tg::full({}, 0.3, {.dtype = tg::float64}));
  const tg::Tensor whole =
      encoder(x, tg::Mask::causal() & tg::Mask::keep_positions(keep) & tg::Mask::keep_pairs(pairs));
  std::vector<nn::AttentionCache> caches;
  std::vector<tg::Tensor> ys;
  for (const auto& [first, last] : {std::pair{0, 2}, {2, 3}, {3, 5}}) {
    const tg::Mask mask =
        tg::Mask::keep_positions(tg::slice(keep, 1, {.stop = last})) &
        tg::Mask::keep_pairs(tg::slice(tg::slice(pairs, 0, {.start = first, .stop = last}), 1, {.stop = last}));
    ys.push_back(encoder.extend(tg::slice(x, 1, {.start = first, .stop = last}), caches, mask));
  }
  BOOST_TEST(caches[1].length() == 5);
  check_close(tg::cat(ys, 1), whole, 1e-12);
}

BOOST_AUTO_TEST_CASE(a_cache_that_does_not_fit_is_refused_and_left_alone) {
  nn::TransformerEncoder encoder({.num_layers = 2, .embed_dim = 4, .num_heads = 2, .dropout = 0.0});
  std::vector<nn::AttentionCache> caches;
  encoder.extend(tg::ones({2, 3, 4}), caches);
  BOOST_CHECK_EXCEPTION(encoder.extend(tg::ones({3, 1, 4}), caches), tg::ShapeError,
                        says("expected a cache of keys and values [3, 2, L, 2] for [3, 1, 4], got [2, 2, 3, 2] and "
                             "[2, 2, 3, 2]"));
  caches[1] = nn::AttentionCache{};
  caches[1].value = tg::ones({2, 2, 3, 2});  // without keys: the first layer has gone on when this is seen
  BOOST_CHECK_EXCEPTION(encoder.extend(tg::ones({2, 1, 4}), caches), tg::ShapeError, says("got no keys"));
  BOOST_TEST(caches[0].length() == 3);
  caches.pop_back();
  BOOST_CHECK_EXCEPTION(encoder.extend(tg::ones({2, 1, 4}), caches), tg::ValueError,
                        says("[TransformerEncoder] expected a cache for each of 2 layers, got 1"));
  const nn::MultiHeadAttention attention({.embed_dim = 4, .num_heads = 2});
  nn::AttentionCache wide{tg::ones({2, 2, 3, 2}, {.dtype = tg::float64}), tg::ones({2, 2, 3, 2})};
  BOOST_CHECK_EXCEPTION(attention.extend(tg::ones({2, 1, 4}), wide), tg::DTypeError,
                        says("[MultiHeadAttention] float32 [2, 1, 4] with a cache of float64"));
  BOOST_CHECK_EXCEPTION(encoder.layers[0].extend(tg::Tensor(), caches[0], tg::Mask::from_lengths({2}, 3)), tg::Error,
                        says("[TransformerEncoderLayer] an input is undefined"));
  BOOST_CHECK_EXCEPTION(
      attention.recall(tg::ones({2, 1, 4}), {}), tg::ShapeError,
      says("expected a cache of keys and values [2, 2, L, 2] for [2, 1, 4], got no keys and no values"));
  BOOST_CHECK_EXCEPTION(attention.recall(tg::ones({2, 4}), {}), tg::ShapeError,
                        says("[MultiHeadAttention] expected query [N, Lq, 4], got [2, 4]"));
  BOOST_CHECK_EXCEPTION(attention.remember(tg::ones({2, 3, 4}), tg::ones({2, 2, 4})), tg::ShapeError,
                        says("expected key [N, Lk, 4] and value [N, Lk, 4], got [2, 3, 4] and [2, 2, 4]"));
}

BOOST_AUTO_TEST_CASE(positions_of_a_piece_count_from_its_first) {
  const tg::Tensor x = tg::randn({2, 5, 4}, {.dtype = tg::float64});
  const auto check_layer = [&](const auto& layer) {
    check_close(tg::cat({layer(tg::slice(x, 1, {.stop = 2})), layer(tg::slice(x, 1, {.start = 2}), 2)}, 1), layer(x),
                0.0);
  };
  check_layer(nn::SinusoidalPosition(4));
  check_layer(nn::LearnedPosition(5, 4, {.dtype = tg::float64}));
}

BOOST_AUTO_TEST_CASE(sizes_beyond_reason_are_refused) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  BOOST_CHECK_THROW(nn::sinusoidal_positions(kMost, 4), tg::Error);
  BOOST_CHECK_THROW(nn::sinusoidal_positions(1, kMost), tg::Error);
  BOOST_CHECK_EXCEPTION(nn::TransformerEncoder({.num_layers = kMost, .embed_dim = 4}), tg::ValueError,
                        says("[TransformerEncoder] expected 0 to 1048576 layers, got 9223372036854775807"));
  BOOST_CHECK_THROW(nn::FeedForward({.embed_dim = kMost / 2}), tg::Error);
  BOOST_CHECK_THROW(nn::LSTM(1, kMost / 2), tg::Error);
}

BOOST_AUTO_TEST_CASE(bad_sizes_are_told_by_the_layer_that_was_asked_for) {
  BOOST_CHECK_EXCEPTION(nn::MultiHeadAttention({.embed_dim = -4}), tg::ValueError,
                        says("[MultiHeadAttention] embed_dim -4 must be a positive multiple of num_heads 1"));
  BOOST_CHECK_EXCEPTION(nn::FeedForward({.embed_dim = -4}), tg::ValueError,
                        says("[FeedForward] expected sizes of at least 0, got embed_dim -4 and ffn_dim 0"));
  BOOST_CHECK_EXCEPTION(nn::FeedForward({.embed_dim = 4, .dropout = 1.0}), tg::ValueError,
                        says("[FeedForward] expected a dropout in [0, 1), got 1"));
  BOOST_CHECK_EXCEPTION(nn::TransformerEncoderLayer({.embed_dim = 6, .num_heads = 4}), tg::ValueError,
                        says("[TransformerEncoderLayer] embed_dim 6 must be a positive multiple of num_heads 4"));
  BOOST_CHECK_EXCEPTION(nn::TransformerEncoderLayer({.embed_dim = 6, .ffn_dim = -3}), tg::ValueError,
                        says("[TransformerEncoderLayer] expected ffn_dim of at least 0, got -3"));
  BOOST_CHECK_EXCEPTION(nn::TransformerEncoderLayer({.embed_dim = 6, .dropout = -0.5}), tg::ValueError,
                        says("[TransformerEncoderLayer] expected a dropout in [0, 1), got -0.5"));
  for (const std::int64_t layers : {0, 2}) {
    BOOST_CHECK_EXCEPTION(nn::TransformerEncoder({.num_layers = layers, .embed_dim = -4}), tg::ValueError,
                          says("[TransformerEncoder] embed_dim -4 must be a positive multiple of num_heads 1"));
    BOOST_CHECK_EXCEPTION(nn::TransformerEncoder({.num_layers = layers, .embed_dim = 6, .ffn_dim = -3}), tg::ValueError,
                          says("[TransformerEncoder] expected ffn_dim of at least 0, got -3"));
    BOOST_CHECK_EXCEPTION(nn::TransformerEncoder({.num_layers = layers, .embed_dim = 6, .dropout = 1.0}),
                          tg::ValueError, says("[TransformerEncoder] expected a dropout in [0, 1), got 1"));
  }
}

BOOST_AUTO_TEST_CASE(recurrent) {
  const auto mask_of = [](const Tensors& in) {
    return in.contains("keep") ? tg::Mask::keep_positions(in.at("keep")) : tg::Mask();
  };
  const auto given = [](const Tensors& in, const char* name) { return in.contains(name) ? in.at(name) : tg::Tensor(); };
  const auto check_hidden = [&](const std::string& name, auto model) {
    check({name}, model, [&](const Tensors& in) {
      const nn::RecurrentResult result = model(in.at("input"), mask_of(in), given(in, "h0"));
      return Tensors{{"y", result.y}, {"h", result.h}};
    });
    BOOST_TEST(model.state_dict().names() == model.named_parameters().names(), boost::test_tools::per_element());
  };
  const auto check_lstm = [&](const std::string& name, nn::LSTM model) {
    check({name}, model, [&](const Tensors& in) {
      const nn::LSTMResult result = model(in.at("input"), mask_of(in), {given(in, "h0"), given(in, "c0")});
      return Tensors{{"y", result.y}, {"h", result.h}, {"c", result.c}};
    });
  };
  const nn::RecurrentOptions one{.dtype = tg::float64};
  const nn::RecurrentOptions no_bias{.bias = false, .dtype = tg::float64};
  const nn::RecurrentOptions two{.num_layers = 2, .dtype = tg::float64};
  const nn::RecurrentOptions both_ways{.num_layers = 2, .bidirectional = true, .dtype = tg::float64};
  check_lstm("lstm", nn::LSTM(4, 3, one));
  check_lstm("lstm_no_bias_initial", nn::LSTM(4, 3, no_bias));
  check_lstm("lstm_lengths", nn::LSTM(4, 3, two));
  check_lstm("lstm_bidirectional_lengths_initial", nn::LSTM(4, 3, both_ways));
  check_hidden("gru", nn::GRU(4, 3, one));
  check_hidden("gru_no_bias_initial", nn::GRU(4, 3, no_bias));
  check_hidden("gru_lengths", nn::GRU(4, 3, two));
  check_hidden("gru_bidirectional_lengths_initial", nn::GRU(4, 3, both_ways));
  check_hidden("rnn", nn::RNN(4, 3, {.dtype = tg::float64}));
  check_hidden("rnn_no_bias_initial", nn::RNN(4, 3, {.bias = false, .dtype = tg::float64}));
  check_hidden("rnn_lengths", nn::RNN(4, 3, {.num_layers = 2, .dtype = tg::float64}));
  check_hidden("rnn_bidirectional_lengths_initial",
               nn::RNN(4, 3, {.num_layers = 2, .bidirectional = true, .dtype = tg::float64}));
  check_hidden(
      "rnn_relu",
      nn::RNN(4, 3,
              {.num_layers = 2, .nonlinearity = nn::Activation::relu, .bidirectional = true, .dtype = tg::float64}));
}

BOOST_AUTO_TEST_CASE(recurrent_cells) {
  const auto check_cell = [](const std::string& name, auto model) {
    check({name}, model, [&](const Tensors& in) { return Tensors{{"h", model(in.at("input"), in.at("h"))}}; });
  };
  const auto check_lstm_cell = [](const std::string& name) {
    nn::LSTMCell model(4, 3, {.dtype = tg::float64});
    check({name}, model, [&](const Tensors& in) {
      const nn::RecurrentState next =
          in.contains("h") ? model(in.at("input"), {in.at("h"), in.at("c")}) : model(in.at("input"));
      return Tensors{{"h", next.h}, {"c", next.c}};
    });
  };
  check_cell("rnn_cell", nn::RNNCell(4, 3, {.dtype = tg::float64}));
  check_cell("rnn_cell_relu", nn::RNNCell(4, 3, {.nonlinearity = nn::Activation::relu, .dtype = tg::float64}));
  check_cell("gru_cell", nn::GRUCell(4, 3, {.dtype = tg::float64}));
  check_cell("gru_cell_no_bias", nn::GRUCell(4, 3, {.bias = false, .dtype = tg::float64}));
  check_lstm_cell("lstm_cell");
  check_lstm_cell("lstm_cell_no_state");
}

BOOST_AUTO_TEST_CASE(masked_mean) {
  NoParameters none;
  check({"masked_mean"}, none, [](const Tensors& in) {
    return Tensors{{"y", nn::masked_mean(in.at("input"), tg::Mask::keep_positions(in.at("keep")))}};
  });
  const tg::Tensor x = tg::randn({2, 3, 4}, {.dtype = tg::float64});
  check_close(nn::masked_mean(x), tg::mean(x, 1));
  check_close(nn::masked_mean(x, tg::Mask::from_lengths({0, 3}, 3))[0], tg::zeros({4}, {.dtype = tg::float64}));
  BOOST_CHECK_THROW(nn::masked_mean(x, tg::Mask::from_lengths({1, 2}, 4)), tg::ShapeError);
  const tg::Tensor nan = tg::full({2, 3, 4}, std::numeric_limits<double>::quiet_NaN(), {.dtype = tg::float64});
  const tg::Mask one = tg::Mask::from_lengths({1, 1}, 3);
  const tg::Tensor padded = tg::where(tg::unsqueeze(one.positions(), -1), x, nan);
  check_close(nn::masked_mean(padded, one), x.slice(1, {.stop = 1}).reshape({2, 4}));
}

BOOST_AUTO_TEST_CASE(the_mean_of_no_positions_is_0) {
  for (const tg::Mask& mask : {tg::Mask(), tg::Mask::causal(), tg::Mask::from_lengths({0, 0}, 0)})
    BOOST_TEST(nn::masked_mean(tg::zeros({2, 0, 3}), mask).to_vector<float>() == std::vector<float>(6, 0.0F));
}

BOOST_AUTO_TEST_CASE(an_undefined_input_is_told_by_its_layer) {
  const tg::Tensor none;
  const auto refused = [](const std::string& layer, const std::function<tg::Tensor()>& call) {
    BOOST_CHECK_EXCEPTION(static_cast<void>(call()), tg::Error, says("[" + layer + "] an input is undefined"));
  };
  refused("LayerNorm", [&] { return nn::LayerNorm(3)(none); });
  refused("RMSNorm", [&] { return nn::RMSNorm(3)(none); });
  refused("BatchNorm", [&] { return nn::BatchNorm(3)(none); });
  refused("GroupNorm", [&] { return nn::GroupNorm(1, 3)(none); });
  refused("InstanceNorm1d", [&] { return nn::InstanceNorm1d(3)(none); });
  refused("MultiHeadAttention", [&] {
    return nn::MultiHeadAttention({.embed_dim = 4})(tg::ones({1, 2, 4}), none, none);
  });
  refused("TransformerEncoderLayer", [&] { return nn::TransformerEncoderLayer({.embed_dim = 4})(none); });
  refused("TransformerEncoder", [&] { return nn::TransformerEncoder({.num_layers = 0, .embed_dim = 4})(none); });
  refused("LSTM", [&] { return nn::LSTM(2, 3)(none).y; });
  refused("GRU", [&] { return nn::GRU(2, 3)(none).y; });
  refused("RNN", [&] { return nn::RNN(2, 3)(none).y; });
  refused("LSTMCell", [&] { return nn::LSTMCell(2, 3)(none).h; });
  refused("SinusoidalPosition", [&] { return nn::SinusoidalPosition(4)(none); });
  refused("LearnedPosition", [&] { return nn::LearnedPosition(8, 4)(none); });
  refused("masked_mean", [&] { return nn::masked_mean(none); });
}

BOOST_AUTO_TEST_CASE(positions) {
  check_unary({"sinusoidal_position"}, nn::SinusoidalPosition(6));
  nn::LearnedPosition learned(5, 2, {.dtype = tg::float64});
  const tg::Tensor x = tg::zeros({3, 4, 2}, {.dtype = tg::float64});
  check_close(learned(x)[2], learned.weight->slice(0, {.stop = 4}));
  BOOST_CHECK_THROW(learned(tg::zeros({1, 6, 2}, {.dtype = tg::float64})), tg::ShapeError);
}

BOOST_AUTO_TEST_CASE(sinusoidal_positions_do_not_depend_on_earlier_calls) {
  nn::SinusoidalPosition position(5);
  check_positions(position, 5, {1, 256, 257, 300, 7, 0});
  nn::SinusoidalPosition copy = position;
  check_positions(copy, 5, {7, 700});
  check_positions(position, 5, {300, 640});
  const nn::SinusoidalPosition moved = std::move(copy);
  check_positions(moved, 5, {7, 701});
  position = nn::SinusoidalPosition(4);  // of another width: nothing is left of the rows there were
  check_positions(position, 4, {7, 300});
  BOOST_CHECK_EXCEPTION(nn::SinusoidalPosition(-1), tg::ValueError,
                        says("[SinusoidalPosition] expected at least 0 features, got -1"));
}

BOOST_AUTO_TEST_CASE(sinusoidal_positions_are_computed_once) {
  const auto computes = [](const nn::SinusoidalPosition& layer, std::int64_t length) {
    const tg::Tensor x = tg::zeros({1, length, 64});
    tg::reset_peak_memory();
    const std::size_t before = tg::memory_statistics().bytes_in_use;
    layer(x);
    const std::size_t most = tg::memory_statistics().peak_bytes_in_use - before;
    return 2 * most > 3 * sizeof(float) * static_cast<std::size_t>(x.numel());  // more than the sum's own memory
  };
  for (const std::int64_t length : {256, 257, 1000}) {
    const nn::SinusoidalPosition position(64);
    BOOST_TEST(computes(position, length));
    BOOST_TEST(!computes(position, length));
    BOOST_TEST(!computes(nn::SinusoidalPosition(position), length));
    BOOST_TEST(computes(position, length + 1));  // at once twice as many
    BOOST_TEST(!computes(position, 2 * length));
  }
}

BOOST_AUTO_TEST_CASE(sinusoidal_positions_are_computed_on_several_threads_at_once) {
  constexpr int kThreads = 6;
  for (int round = 0; round < 20; ++round) {
    const nn::SinusoidalPosition position(3);
    std::vector<int> right(kThreads, 0);
    std::latch start(kThreads);
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t)
      threads.emplace_back([&, t] {
        start.arrive_and_wait();
        for (const std::int64_t length : {7 + t, 40 * (kThreads - t), 300, 7})
          for (const tg::DType dtype : {tg::float32, tg::float64}) {
            const tg::Tensor x = tg::zeros({1, length, 3}, {.dtype = dtype}).set_requires_grad(true);
            tg::Tape tape;
            const tg::Tensor y = position(x) + nn::SinusoidalPosition(position)(x);  // copied while others call it
            const bool pulled =
                same_bits(tape.gradient(tg::sum(y), x), tg::full({1, length, 3}, 2.0, {.dtype = dtype}));
            if (pulled && same_bits(y.detach() * 0.5, rows_alone(length, 3, dtype)))
              ++right[static_cast<std::size_t>(t)];
          }
      });
    for (std::thread& thread : threads) thread.join();
    for (const int count : right) BOOST_TEST(count == 8);
  }
}

BOOST_AUTO_TEST_CASE(a_whole_classifier) {
  struct Classifier : nn::Module {
    nn::Embedding embed{9, 6, {.dtype = tg::float64}};
    nn::SinusoidalPosition position{6};
    nn::TransformerEncoder encoder{
        {.num_layers = 2, .embed_dim = 6, .num_heads = 2, .ffn_dim = 10, .dropout = 0.0, .dtype = tg::float64}};
    nn::Linear head{6, 3, {.dtype = tg::float64}};
    TAPEGRAD_MODULE(embed, position, encoder, head)
    tg::Tensor operator()(const tg::Tensor& tokens, const tg::Mask& keep) {
      return head(nn::masked_mean(encoder(position(embed(tokens)), keep), keep));
    }
  };
  Classifier model;
  check({"classifier"}, model, [&](const Tensors& in) {
    return Tensors{{"y", model(in.at("tokens"), tg::Mask::keep_positions(in.at("keep")))}};
  });
}

/// All weights 0 and biases 0 but these: what is left of a block's result is its bias.
void keep_biases(nn::Module& layer, const std::map<std::string, double>& biases) {
  for (const auto& [name, p] : layer.named_parameters())
    nn::init::constant(p, biases.contains(name) ? biases.at(name) : 0.0);
}

/// Whether `count` of `all` is what a probability p gives, within five deviations.
bool is_likely(int count, int all, double p) {
  return std::abs(count - all * p) < 5.0 * std::sqrt(all * p * (1.0 - p));
}

// Each block's result is dropped by itself: with p = 1/2 it is 0 or twice its bias, independently.
BOOST_AUTO_TEST_CASE(blocks_of_encoder_and_decoder_drop_their_results) {
  tg::manual_seed(3);
  nn::TransformerEncoderLayer encoder({.embed_dim = 8, .norm = nn::Norm::none, .dropout = 0.5});
  keep_biases(encoder, {{"self_attn.out_proj.bias", 1.0}, {"linear2.bias", 10.0}});
  std::map<int, int> seen;
  for (const float v : encoder(tg::zeros({50, 4, 8})).to_vector<float>()) ++seen[static_cast<int>(v)];
  BOOST_TEST(seen.size() == 4U);
  for (const int sum : {0, 2, 20, 22}) BOOST_TEST(is_likely(seen[sum], 1600, 1.0 / 4));

  nn::TransformerDecoderLayer decoder({.embed_dim = 8, .norm = nn::Norm::none, .dropout = 0.5});
  keep_biases(decoder,
              {{"self_attn.out_proj.bias", 1.0}, {"multihead_attn.out_proj.bias", 10.0}, {"linear2.bias", 100.0}});
  seen.clear();
  for (const float v : decoder(tg::zeros({50, 4, 8}), tg::zeros({50, 3, 8})).to_vector<float>())
    ++seen[static_cast<int>(v)];
  BOOST_TEST(seen.size() == 8U);
  for (const int sum : {0, 2, 20, 22, 200, 202, 220, 222}) BOOST_TEST(is_likely(seen[sum], 1600, 1.0 / 8));
}

// Two keys of weight 1/2 and value 1: with p = 1/2 each is dropped or counts as 1.
BOOST_AUTO_TEST_CASE(attention_drops_weights_in_training_alone) {
  tg::manual_seed(4);
  nn::MultiHeadAttention attention({.embed_dim = 1, .dropout = 0.5, .dtype = tg::float64});
  keep_biases(attention, {{"out_proj.weight", 1.0}});
  attention.in_proj_bias.assign(tg::tensor({0.0, 0.0, 1.0}, {.dtype = tg::float64}));
  const tg::Tensor x = tg::zeros({200, 2, 1}, {.dtype = tg::float64});
  std::map<double, int> seen;
  for (const double v : attention(x, x, x).to_vector<double>()) ++seen[v];
  BOOST_TEST(seen.size() == 3U);
  for (const auto& [value, share] : {std::pair{0.0, 0.25}, {1.0, 0.5}, {2.0, 0.25}})
    BOOST_TEST(is_likely(seen[value], 400, share));
  attention.eval();
  for (const double v : attention(x, x, x).to_vector<double>()) BOOST_TEST(v == 1.0);
}

BOOST_AUTO_TEST_CASE(a_block_that_throws_leaves_the_cache) {
  nn::TransformerEncoderLayer layer({.embed_dim = 4, .norm = nn::Norm::batch});
  nn::AttentionCache cache;
  BOOST_CHECK_THROW(layer.extend(tg::ones({1, 1, 4}), cache), tg::ShapeError);  // one position has no variance
  BOOST_TEST(!cache.key.defined());
}

BOOST_AUTO_TEST_SUITE_END()
