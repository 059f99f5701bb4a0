// Eight steps of training a whole classifier, step by step as PyTorch makes them: losses, gradient norms, and every
// parameter at the end. The norms stay below the limit of 1: what clipping does above it is tests/optim/clipping.cpp's.
#include <string>
#include <vector>

#include "fixture.hpp"
#include "tapegrad/nn.hpp"
#include "tapegrad/ops/loss.hpp"
#include "tapegrad/optim.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tg = tapegrad;
namespace nn = tapegrad::nn;

namespace {

struct Classifier : nn::Module {
  nn::Embedding embed{9, 6};
  nn::SinusoidalPosition position{6};
  nn::TransformerEncoder encoder{{.num_layers = 2, .embed_dim = 6, .num_heads = 2, .ffn_dim = 10, .dropout = 0.0}};
  nn::Linear head{6, 3};
  TAPEGRAD_MODULE(embed, position, encoder, head)

  tg::Tensor operator()(const tg::Tensor& tokens, const tg::Mask& keep) {
    return head(nn::masked_mean(encoder(position(embed(tokens)), keep), keep));
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(training)

BOOST_AUTO_TEST_CASE(a_classifier_whose_gradients_need_no_clipping_learns_as_pytorchs) {
  const tg::test::Fixture fixture("classifier_training");
  Classifier model;
  tg::optim::AdamW optimizer(model.parameters(), {.lr = 0.01, .weight_decay = 0.1});
  // The optimiser goes on with the same parameters through a change of dtype, a load and an assignment.
  model.to(tg::float64);
  Classifier loaded = model;
  tg::NamedTensors state;
  for (const std::string& name : fixture.names("param.")) state.insert(name, fixture["param." + name]);
  loaded.load_state_dict(state);
  model = loaded;

  const tg::Tensor tokens = fixture["input.tokens"];
  const tg::Mask keep = tg::Mask::keep_positions(fixture["input.keep"]);
  std::vector<double> losses;
  std::vector<double> norms;
  for (int step = 0; step < 8; ++step) {
    tg::Tape tape;
    const tg::Tensor loss = tg::cross_entropy(model(tokens, keep), fixture["input.labels"]);
    tape.backward(loss);
    losses.push_back(loss.item());
    norms.push_back(tg::optim::clip_grad_norm(model.parameters(), 1.0));
    optimizer.step();
    optimizer.zero_grad();
  }
  for (const double norm : norms) BOOST_TEST(norm < 1.0);
  tg::test::check_close(tg::from_vector(losses, {8}), fixture["output.loss"], 1e-10);
  tg::test::check_close(tg::from_vector(norms, {8}), fixture["output.norm"], 1e-9);
  for (const auto& [name, parameter] : model.named_parameters())
    BOOST_TEST_CONTEXT(name) tg::test::check_close(parameter, fixture["param_after." + name], 1e-9);
}

BOOST_AUTO_TEST_SUITE_END()
