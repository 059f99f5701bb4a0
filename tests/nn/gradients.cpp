// The gradients of every layer, with respect to its input and all its parameters, against finite differences: first and
// second order, and forward mode.
#include "tapegrad/diff/gradcheck.hpp"

#include <boost/test/unit_test.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tapegrad/diff/checkpoint.hpp"
#include "tapegrad/nn.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tg = tapegrad;
namespace nn = tapegrad::nn;

namespace {

using Call = std::function<tg::Tensor(const tg::Tensor& x)>;

/// A layer in a state in which no parameter stands at a special value, as a function of its input and its parameters.
void check(const std::string& name, nn::Module& layer, const tg::Tensor& x, const Call& call,
           const tg::GradcheckOptions& options = {}) {
  tg::manual_seed(7);
  std::vector<tg::Tensor> inputs = {x};
  layer.to(tg::float64);
  for (const tg::Tensor& parameter : layer.parameters())
    inputs.push_back(tg::randn(parameter.shape(), {.dtype = tg::float64}) * 0.5);
  const auto f = [&](const std::vector<tg::Tensor>& xs) -> tg::Tensor {
    const nn::Substitution substitution(layer, {xs.begin() + 1, xs.end()});
    return call(xs[0]);
  };
  const tg::GradcheckReport report = tg::gradcheck(f, inputs, options);
  BOOST_TEST(report.ok(), name << ": " << to_string(report));
  BOOST_TEST(report.comparisons > 0);
}

template <class Layer>
void check(const std::string& name, Layer layer, const tg::Tensor& x) {
  check(name, layer, x, [&](const tg::Tensor& input) { return layer(input); });
}

tg::Tensor normal(const tg::Shape& shape) { return tg::randn(shape, {.dtype = tg::float64}); }

}  // namespace

BOOST_AUTO_TEST_SUITE(gradients)

BOOST_AUTO_TEST_CASE(linear) {
  check("linear", nn::Linear(4, 3), normal({2, 4}));
  check("linear of a batch, without bias", nn::Linear(3, 2, {.bias = false}), normal({2, 2, 3}));
}

BOOST_AUTO_TEST_CASE(embedding) {
  nn::Embedding layer(5, 3, {.padding_idx = 0});
  const tg::Tensor tokens = tg::from_vector(std::vector<std::int64_t>{1, 4, 1, 2, 2, 3}, {2, 3});
  check("embedding", layer, normal({2, 3, 3}), [&](const tg::Tensor& x) { return layer(tokens) * x; });
}

BOOST_AUTO_TEST_CASE(norms) {
  check("layer_norm", nn::LayerNorm(4), normal({2, 3, 4}));
  check("rms_norm", nn::RMSNorm(4), normal({2, 3, 4}));
  check("batch_norm", nn::BatchNorm(3), normal({2, 4, 3}));
  nn::BatchNorm masked(3);
  const tg::Mask mask = tg::Mask::from_lengths({4, 2}, 4);
  check("batch_norm, masked", masked, normal({2, 4, 3}), [&](const tg::Tensor& x) { return masked(x, mask); });
  nn::BatchNorm evaluated(3);
  evaluated.eval();
  check("batch_norm, evaluation", evaluated, normal({2, 4, 3}));
}

BOOST_AUTO_TEST_CASE(dropout) { check("dropout", nn::Dropout(0.4), normal({5, 4})); }

BOOST_AUTO_TEST_CASE(positions) {
  check("sinusoidal", nn::SinusoidalPosition(4), normal({2, 3, 4}));
  check("learned", nn::LearnedPosition(5, 4), normal({2, 3, 4}));
}

BOOST_AUTO_TEST_CASE(pooling) {
  nn::Dropout none(0.0);
  const tg::Mask mask = tg::Mask::from_lengths({4, 1}, 4);
  check("masked_mean", none, normal({2, 4, 3}), [&](const tg::Tensor& x) { return nn::masked_mean(x, mask); });
}

BOOST_AUTO_TEST_CASE(attention) {
  nn::MultiHeadAttention self({.embed_dim = 4, .num_heads = 2});
  const tg::Mask mask = tg::Mask::from_lengths({3, 2}, 3) & tg::Mask::causal();
  check("self-attention", self, normal({2, 3, 4}), [&](const tg::Tensor& x) { return self(x, x, x); });
  check("masked self-attention", self, normal({2, 3, 4}), [&](const tg::Tensor& x) { return self(x, x, x, mask); });
  check("attention with weights", self, normal({2, 3, 4}), [&](const tg::Tensor& x) {
    const nn::AttentionWithWeights result = self.with_weights(x, x, x, mask);
    return tg::sum(result.y) + tg::sum(tg::square(result.weights));
  });
  const tg::Tensor memory = normal({2, 5, 4});
  check("cross-attention", self, normal({2, 3, 4}), [&](const tg::Tensor& x) { return self(x, memory, memory); });
  nn::MultiHeadAttention dropping({.embed_dim = 4, .num_heads = 2, .dropout = 0.3});
  check("attention with dropout", dropping, normal({2, 3, 4}), [&](const tg::Tensor& x) { return dropping(x, x, x); });
}

BOOST_AUTO_TEST_CASE(transformer) {
  check("feed-forward", nn::FeedForward({.embed_dim = 3, .ffn_dim = 4, .activation = nn::Activation::silu}),
        normal({2, 2, 3}));
  const tg::Mask mask = tg::Mask::from_lengths({3, 2}, 3);
  for (const bool norm_first : {false, true})
    for (const nn::Norm norm : {nn::Norm::layer, nn::Norm::batch, nn::Norm::rms, nn::Norm::none}) {
      nn::TransformerEncoder encoder({.num_layers = 1,
                                      .embed_dim = 4,
                                      .num_heads = 2,
                                      .ffn_dim = 5,
                                      .norm = norm,
                                      .norm_first = norm_first,
                                      .dropout = 0.1,
                                      .activation = nn::Activation::gelu,
                                      .final_norm = norm_first});
      check("encoder", encoder, normal({2, 3, 4}), [&](const tg::Tensor& x) { return encoder(x, mask); },
            {.budget = 500});
    }
}

BOOST_AUTO_TEST_CASE(sequential) {
  check("sequential", nn::Sequential(nn::Linear(3, 4), nn::GELU(), nn::Linear(4, 2), tg::tanh), normal({2, 3}));
}

BOOST_AUTO_TEST_CASE(the_check_sees_a_detached_statistic) {
  nn::LayerNorm layer(4);
  layer.to(tg::float64);
  const auto wrong = [&](const tg::Tensor& x) {
    const tg::Tensor centred = x - tg::mean(x, -1, true).detach();
    return layer(x) + 0.0 * centred + centred;
  };
  BOOST_TEST(!tg::gradcheck(wrong, {normal({2, 4})}).ok());
}

BOOST_AUTO_TEST_CASE(decision_13_a_replay_updates_running_statistics_once) {
  nn::BatchNorm plain(3);
  plain.to(tg::float64);
  nn::BatchNorm replayed = plain;
  const tg::Tensor x = normal({6, 3});
  const tg::Tensor weights = normal({6, 3});
  {
    tg::Tape tape;
    tape.backward(tg::sum(weights * plain(x)));
  }
  {
    tg::Tape tape;
    tape.backward(tg::sum(weights * tg::checkpoint([&](const tg::Tensor& h) { return replayed(h); }, x)));
  }
  BOOST_TEST(replayed.num_batches_tracked->item() == 1.0);
  BOOST_TEST(replayed.running_var->to_vector<double>() == plain.running_var->to_vector<double>(),
             boost::test_tools::per_element());
  BOOST_TEST(replayed.weight.grad().to_vector<double>() == plain.weight.grad().to_vector<double>(),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
