// Attention against PyTorch, with masks and weights.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nn/reference.hpp"
#include "says.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/base/random.hpp"
#include "tapegrad/nn.hpp"
#include "tapegrad/ops/attention.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/view.hpp"

namespace tg = tapegrad;
namespace nn = tapegrad::nn;
using tg::test::check_against_pytorch;
using tg::test::check_close;
using tg::test::Fixture;
using tg::test::says;
using tg::test::Tensors;

BOOST_AUTO_TEST_SUITE(attention)

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
      const tg::Tensor added = in.contains("bias") ? in.at("bias") : tg::Tensor();
      if (!with_weights) return Tensors{{"y", model(query, key, value, mask, added)}};
      const nn::AttentionWithWeights result = model.with_weights(query, key, value, mask, added);
      return Tensors{{"y", result.y}, {"weights", result.weights}};
    };
    check_against_pytorch({name}, model, [&](const Tensors& in) { return run(in, true); });
    if (!fixture.has("cotangent.weights"))
      check_against_pytorch({name}, model, [&](const Tensors& in) { return run(in, false); });
  };
  for (const char* name :
       {"attention_self", "attention_self_weights_gradient", "attention_self_keep", "attention_self_causal",
        "attention_self_causal_keep", "attention_self_pairs", "attention_self_pairs_per_head", "attention_cross",
        "attention_cross_keep", "attention_cross_pairs_keep", "attention_self_bias_keep"})
    attend(name);
  attend("attention_self_no_bias", false);
  attend("attention_cross_kdim", true, 3);
  attend("attention_cross_vdim_no_bias", false, {}, 4);
  attend("attention_cross_kdim_vdim_keep", true, 3, 4);
  nn::MultiHeadAttention one_head({.embed_dim = 3, .num_heads = 1, .dtype = tg::float64});
  check_against_pytorch({"attention_one_head"}, one_head, [&](const Tensors& in) {
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
      (void)attention(x, x, x), tg::ShapeError,
      says("expected query [N, Lq, 6], key [N, Lk, 3] and value [N, Lk, 6], got [2, 4, 6], [2, 4, 6]"));
  BOOST_CHECK_THROW(nn::MultiHeadAttention({.embed_dim = 6, .vdim = 0}), tg::ValueError);
}

BOOST_AUTO_TEST_CASE(key_and_value_of_one_tensor_are_projected_together) {
  const nn::MultiHeadAttention attention({.embed_dim = 6, .num_heads = 2, .dtype = tg::float64});
  const tg::Tensor query = tg::randn({2, 3, 6}, {.dtype = tg::float64});
  const tg::Tensor memory = tg::randn({2, 5, 6}, {.dtype = tg::float64});
  check_close(attention(query, memory, memory), attention(query, memory, memory.clone()));
}

BOOST_AUTO_TEST_CASE(rotary_attention_turns_queries_and_keys) {
  const tg::Tensor x = tg::randn({2, 5, 8}, {.dtype = tg::float64});
  const tg::Tensor memory = tg::randn({2, 3, 8}, {.dtype = tg::float64});
  for (const tg::RotaryOptions& rotary :
       {tg::RotaryOptions{}, tg::RotaryOptions{.base = 50.0, .first = 3, .pairs = tg::RotaryPairs::halves}}) {
    const nn::MultiHeadAttention attention({.embed_dim = 8, .num_heads = 2, .rotary = rotary, .dtype = tg::float64});
    const auto heads = [&](const tg::Tensor& of, std::int64_t which) {
      const tg::Slice rows{.start = 8 * which, .stop = 8 * which + 8};
      return tg::linear(of, tg::slice(attention.in_proj_weight, 0, rows), tg::slice(attention.in_proj_bias, 0, rows))
          .reshape({of.size(0), of.size(1), 2, 4})
          .transpose(1, 2);
    };
    const auto expected = [&](const tg::Tensor& q, const tg::Tensor& k, const tg::Mask& mask) {
      const tg::Tensor y = tg::scaled_dot_product_attention(
          tg::rotary_embedding(heads(q, 0), rotary), tg::rotary_embedding(heads(k, 1), rotary), heads(k, 2), mask);
      return attention.out_proj(y.transpose(1, 2).reshape(q.shape()));
    };
    check_close(attention(x, x, x, tg::Mask::causal()), expected(x, x, tg::Mask::causal()));
    check_close(attention(x, memory, memory), expected(x, memory, {}));
    check_close(attention.with_weights(x, memory, memory).y, expected(x, memory, {}));
    check_close(attention.with_weights(x, memory, memory).weights,
                tg::attention_weights(tg::rotary_embedding(heads(x, 0), rotary),
                                      tg::rotary_embedding(heads(memory, 1), rotary)));
    check_close(attention.recall(x, attention.remember(memory, memory)), expected(x, memory, {}));
  }
  nn::MultiHeadAttention attention({.embed_dim = 8, .rotary = tg::RotaryOptions{}, .dtype = tg::float64});
  nn::MultiHeadAttention later({.embed_dim = 8, .rotary = tg::RotaryOptions{.first = 100}, .dtype = tg::float64});
  nn::MultiHeadAttention unturned({.embed_dim = 8, .dtype = tg::float64});
  later.load_state_dict(attention.state_dict());
  unturned.load_state_dict(attention.state_dict());
  check_close(later(x, x, x), attention(x, x, x), 1e-12);  // distances are what counts
  BOOST_TEST(!tg::allclose(unturned(x, x, x), attention(x, x, x)));
}

BOOST_AUTO_TEST_SUITE_END()
