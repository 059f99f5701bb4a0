// Dropout within layers, seen from outside: of a model whose only weights are biases, each result is a sum of those
// kept.
#include <cmath>
#include <map>
#include <string>
#include <utility>

#include <boost/test/unit_test.hpp>

#include "tapegrad/base/random.hpp"
#include "tapegrad/nn.hpp"
#include "tapegrad/tape/create.hpp"

namespace tg = tapegrad;
namespace nn = tapegrad::nn;

namespace {

/// All weights 0 and biases 0 but these: what is left of a block's result is its bias.
void keep_biases(nn::Module& layer, const std::map<std::string, double>& biases) {
  for (const auto& [name, p] : layer.named_parameters())
    nn::init::constant(p, biases.contains(name) ? biases.at(name) : 0.0);
}

/// Whether `count` of `all` is what a probability p gives, within five deviations.
bool is_likely(int count, int all, double p) {
  return std::abs(count - all * p) < 5.0 * std::sqrt(all * p * (1.0 - p));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dropout)

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

BOOST_AUTO_TEST_SUITE_END()
