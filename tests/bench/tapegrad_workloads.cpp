#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <vector>

#include "bench/training.hpp"
#include "bench/workloads.hpp"
#include "tapegrad/tapegrad.hpp"
#include "word_maker/model.hpp"

namespace bench {
namespace {

Step make_block(tg::nn::Norm norm) {
  using namespace block;
  tg::manual_seed(0);
  auto training = std::make_shared<Training<tg::nn::TransformerEncoderLayer>>(
      tg::nn::TransformerEncoderLayerOptions{.embed_dim = kEmbed,
                                             .num_heads = kHeads,
                                             .ffn_dim = kHidden,
                                             .norm = norm,
                                             .dropout = 0.0,
                                             .activation = tg::nn::Activation::gelu});
  const tg::Tensor x = tg::randn({kBatch, kLength, kEmbed});
  const tg::Tensor target = tg::randn({kBatch, kLength, kEmbed});
  return training_step(std::move(training), [x, target](auto& model) { return tg::mse_loss(model(x), target); });
}

Step make_gpt(const Gpt& shape) { return make_gpt<word_maker::CharacterModel>(shape); }

struct RecurrentModel : tg::nn::Module {
  tg::nn::Embedding embed{recurrent::kVocabulary, recurrent::kEmbed};
  tg::nn::LSTM lstm{recurrent::kEmbed, recurrent::kHidden};
  tg::nn::Linear head{recurrent::kHidden, recurrent::kVocabulary};
  TAPEGRAD_MODULE(embed, lstm, head)

  tg::Tensor operator()(const tg::Tensor& tokens) { return head(lstm(embed(tokens)).y); }
};

Step make_lstm() {
  using namespace recurrent;
  return make_language_model<RecurrentModel>(kVocabulary, kBatch, kLength);
}

struct Perceptron : tg::nn::Module {
  tg::nn::Linear first{perceptron::kInput, perceptron::kHidden};
  tg::nn::Linear second{perceptron::kHidden, perceptron::kHidden};
  tg::nn::Linear third{perceptron::kHidden, perceptron::kClasses};
  TAPEGRAD_MODULE(first, second, third)

  tg::Tensor operator()(const tg::Tensor& x) { return third(tg::relu(second(tg::relu(first(x))))); }
};

Step make_perceptron() {
  using namespace perceptron;
  tg::manual_seed(0);
  auto training = std::make_shared<Training<Perceptron>>();
  const tg::Tensor x = tg::randn({kBatch, kInput});
  const tg::Tensor targets = tg::randint(0, kClasses, {kBatch});
  return training_step(std::move(training), [x, targets](auto& model) { return tg::cross_entropy(model(x), targets); });
}

Step make_chain() {
  tg::Tensor a = tg::tensor({0.5}, {.requires_grad = true});
  return [a]() mutable {
    a.zero_grad();
    tg::Tape tape;
    tg::Tensor y = a;
    for (int i = 0; i < chain::kOps; ++i) y = i % 3 == 0 ? y * a : i % 3 == 1 ? y + a : tg::tanh(y);
    tape.backward(y);
  };
}

/// f and its gradient for x and `others`.
template <class F>
Step make_stream(int width, const std::vector<tg::Tensor>& others, const F& f) {
  std::vector<tg::Tensor> inputs = {tg::randn({streams::kRows, width}, {.requires_grad = true})};
  for (const tg::Tensor& t : others) inputs.push_back(t.set_requires_grad(true));
  const tg::Tensor dy = tg::randn({streams::kRows, width});
  return [inputs, dy, f] {
    tg::Tape tape;
    (void)tape.gradient(f(inputs), inputs, {.cotangent = dy});
  };
}

Step make_norm_stream() {
  return make_stream(streams::kNormWidth, {tg::ones({streams::kNormWidth}), tg::zeros({streams::kNormWidth})},
                     [](const std::vector<tg::Tensor>& x) { return tg::layer_norm(x[0], x[1], x[2]); });
}
Step make_softmax_stream() {
  return make_stream(streams::kSoftmaxWidth, {}, [](const std::vector<tg::Tensor>& x) { return tg::softmax(x[0]); });
}
Step make_gelu_stream() {
  return make_stream(streams::kGeluWidth, {}, [](const std::vector<tg::Tensor>& x) { return tg::gelu(x[0]); });
}

Step make_optimizer_stream() {
  std::vector<tg::Tensor> weights;
  for (int i = 0; i < streams::kTensors; ++i) {
    weights.push_back(tg::randn({streams::kTensorSize}, {.requires_grad = true}));
    weights.back().set_grad(tg::randn({streams::kTensorSize}));
  }
  return [optimizer = std::make_shared<tg::optim::AdamW>(weights, tg::optim::AdamWOptions{.lr = 1e-4})] {
    optimizer->step();
  };
}

/// The check must end well, or its time says nothing.
void expect_ok(const tg::GradcheckReport& report) {
  if (!report.ok()) throw std::runtime_error(fmt::format("{}", report));
}

Step make_attention_check() {
  using namespace checked;
  tg::manual_seed(0);
  const tg::nn::MultiHeadAttention attention({.embed_dim = kEmbed, .num_heads = kHeads, .dtype = tg::float64});
  const tg::Tensor x = tg::randn({kBatch, kLength, kEmbed}, {.dtype = tg::float64});
  return [attention, x] {
    const auto to_itself = [](const tg::nn::MultiHeadAttention& self, const tg::Tensor& z) { return self(z, z, z); };
    expect_ok(
        tg::nn::check_module(attention, {x}, to_itself, {.order = 1, .forward_mode = false, .budget = kEveryElement}));
  };
}

Step make_layer_norm_check() {
  using namespace checked;
  tg::manual_seed(0);
  const tg::TensorOptions wide{.dtype = tg::float64};
  const std::vector<tg::Tensor> inputs = {tg::randn({kRows, kFeatures}, wide), tg::randn({kFeatures}, wide),
                                          tg::randn({kFeatures}, wide)};
  return [inputs] {
    expect_ok(tg::gradcheck([](const tg::Tensor& x, const tg::Tensor& gamma,
                               const tg::Tensor& beta) { return tg::layer_norm(x, gamma, beta); },
                            inputs, {.forward_mode = false, .budget = kEveryElement}));
  };
}

}  // namespace

Engine tapegrad_engine() {
  Engine engine = {
      "tapegrad",
      [](int threads) { tg::set_num_threads(threads); },
      {{"W1", "encoder layer [16, 7, 40], layer norm", [] { return make_block(tg::nn::Norm::layer); }},
       {"W1b", "encoder layer [16, 7, 40], batch norm", [] { return make_block(tg::nn::Norm::batch); }},
       {"W2", "character GPT, 4 layers of 128, block 64, batch 12", [] { return make_gpt(kSmallGpt); }},
       {.name = "W3",
        .description = "character GPT, 6 layers of 384, block 256, batch 16",
        .make = [] { return make_gpt(kLargeGpt); },
        .heavy = true},
       {.name = "GPT2",
        .description = "GPT-2's 124 million parameters, tokens [4, 64]",
        .make = [] { return make_gpt(kGpt2); },
        .heavy = true},
       {"W4", "LSTM 256 over embeddings of 64, batch 32, length 64", make_lstm},
       {"W5", "perceptron 784-512-512-10, batch 128", make_perceptron},
       {"W6", "chain of 10,000 one-element ops", make_chain, chain::kOps},
       {.name = "W7norm",
        .description = "layer_norm [16384, 384], forward and backward",
        .make = make_norm_stream,
        .bytes = streams::bytes_of_rows(streams::kNormWidth)},
       {.name = "W7softmax",
        .description = "softmax [16384, 256], forward and backward",
        .make = make_softmax_stream,
        .bytes = streams::bytes_of_rows(streams::kSoftmaxWidth)},
       {.name = "W7gelu",
        .description = "gelu [16384, 1536], forward and backward",
        .make = make_gelu_stream,
        .bytes = streams::bytes_of_rows(streams::kGeluWidth)},
       {.name = "W7adamw",
        .description = "AdamW on 10 million parameters",
        .make = make_optimizer_stream,
        .bytes = streams::kOptimizerBytes},
       {.name = "W1busy",
        .description = "W1 beside a process that keeps a core busy",
        .make = [] { return make_block(tg::nn::Norm::layer); },
        .neighbour = true},
       {.name = "W2busy", .description = "W2 likewise", .make = [] { return make_gpt(kSmallGpt); }, .neighbour = true},
       {"W8", "gradient check of attention [2, 5, 16], 4 heads, float64, full Jacobian", make_attention_check},
       {"W8b", "both orders' check of layer_norm [4, 8], float64, full Jacobians", make_layer_norm_check}}};
  std::ranges::move(checkpoint_workloads(), std::back_inserter(engine.workloads));
  std::ranges::move(catalogue_workloads(), std::back_inserter(engine.workloads));
  return engine;
}

}  // namespace bench
