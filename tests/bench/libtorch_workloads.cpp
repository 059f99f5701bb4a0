// The same workloads on libtorch, as a C++ user would write them. Compiled only where libtorch is installed.
#include <dlfcn.h>
#include <torch/torch.h>

#include <limits>
#include <memory>

#include "bench/workloads.hpp"

namespace bench {
namespace {

namespace nn = torch::nn;

template <class Loss>
Step training_step(const std::vector<torch::Tensor>& parameters, Loss loss) {
  auto optimizer = std::make_shared<torch::optim::AdamW>(parameters, torch::optim::AdamWOptions(1e-4));
  return [optimizer, loss]() mutable {
    optimizer->zero_grad();
    loss().backward();
    optimizer->step();
  };
}

Step make_block() {
  using namespace block;
  torch::manual_seed(0);
  nn::TransformerEncoderLayer layer(nn::TransformerEncoderLayerOptions(kEmbed, kHeads)
                                        .dim_feedforward(kHidden)
                                        .dropout(0.0)
                                        .activation(torch::kGELU));
  const auto x = torch::randn({kLength, kBatch, kEmbed});  // libtorch's layer takes [L, N, E]
  const auto target = torch::randn({kLength, kBatch, kEmbed});
  return training_step(layer->parameters(),
                       [layer, x, target]() mutable { return torch::mse_loss(layer->forward(x), target); });
}

/// libtorch has no encoder layer with batch norm: the same block from its parts.
struct BatchNormBlock : nn::Module {
  nn::MultiheadAttention attention{nn::MultiheadAttentionOptions(block::kEmbed, block::kHeads)};
  nn::Linear first{block::kEmbed, block::kHidden};
  nn::Linear second{block::kHidden, block::kEmbed};
  nn::BatchNorm1d norm1{block::kEmbed};
  nn::BatchNorm1d norm2{block::kEmbed};

  BatchNormBlock() {
    register_module("attention", attention);
    register_module("first", first);
    register_module("second", second);
    register_module("norm1", norm1);
    register_module("norm2", norm2);
  }
  torch::Tensor normalize(nn::BatchNorm1d& norm, const torch::Tensor& x) {
    return norm(x.reshape({-1, block::kEmbed})).reshape(x.sizes());
  }
  torch::Tensor forward(const torch::Tensor& x) {
    const auto a = normalize(norm1, x + std::get<0>(attention(x, x, x)));
    return normalize(norm2, a + second(torch::gelu(first(a))));
  }
};

Step make_batch_norm_block() {
  using namespace block;
  torch::manual_seed(0);
  auto layer = std::make_shared<BatchNormBlock>();
  const auto x = torch::randn({kLength, kBatch, kEmbed});
  const auto target = torch::randn({kLength, kBatch, kEmbed});
  return training_step(layer->parameters(), [layer, x, target] { return torch::mse_loss(layer->forward(x), target); });
}

/// One pre-norm layer with fused query, key and value, as small GPTs are written.
struct GptLayer : nn::Module {
  Gpt shape;
  nn::LayerNorm norm1, norm2;
  nn::Linear project, out, first, second;

  explicit GptLayer(const Gpt& s)
      : shape(s),
        norm1(nn::LayerNormOptions({s.embed})),
        norm2(nn::LayerNormOptions({s.embed})),
        project(s.embed, 3 * s.embed),
        out(s.embed, s.embed),
        first(s.embed, 4 * s.embed),
        second(4 * s.embed, s.embed) {
    register_module("norm1", norm1);
    register_module("norm2", norm2);
    register_module("project", project);
    register_module("out", out);
    register_module("first", first);
    register_module("second", second);
  }
  torch::Tensor forward(torch::Tensor x, const torch::Tensor& hidden) {
    const auto n = x.size(0);
    const auto l = x.size(1);
    const int width = shape.embed / shape.heads;
    const auto heads = project(norm1(x)).reshape({n, l, 3, shape.heads, width}).permute({2, 0, 3, 1, 4});
    const auto scores = torch::matmul(heads[0], heads[1].transpose(-2, -1)) / std::sqrt(static_cast<double>(width));
    const auto weights = torch::softmax(scores.masked_fill(hidden, -std::numeric_limits<float>::infinity()), -1);
    x = x + out(torch::matmul(weights, heads[2]).transpose(1, 2).reshape({n, l, shape.embed}));
    return x + second(torch::gelu(first(norm2(x))));
  }
};

struct CharacterModel : nn::Module {
  nn::Embedding embed, position;
  nn::ModuleList layers;
  nn::LayerNorm norm;
  torch::Tensor hidden, places;

  explicit CharacterModel(const Gpt& shape)
      : embed(shape.vocabulary, shape.embed),
        position(shape.positions, shape.embed),
        norm(nn::LayerNormOptions({shape.embed})),
        hidden(torch::ones({shape.block, shape.block}, torch::kBool).triu(1)),
        places(torch::arange(shape.block)) {
    register_module("embed", embed);
    register_module("position", position);
    for (int i = 0; i < shape.layers; ++i) layers->push_back(std::make_shared<GptLayer>(shape));
    register_module("layers", layers);
    register_module("norm", norm);
  }
  torch::Tensor forward(const torch::Tensor& tokens) {
    auto x = embed(tokens) + position(places);
    for (const auto& layer : *layers) x = layer->as<GptLayer>()->forward(x, hidden);
    return torch::matmul(norm(x), embed->weight.t());
  }
};

/// Trains a model of the next token on random ones, [batch, length].
template <class Model, class... Args>
Step make_language_model(int vocabulary, int batch, int length, const Args&... args) {
  torch::manual_seed(0);
  auto model = std::make_shared<Model>(args...);
  const auto tokens = torch::randint(0, vocabulary, {batch, length}, torch::kLong);
  const auto targets = torch::randint(0, vocabulary, {batch * length}, torch::kLong);
  return training_step(model->parameters(), [model, tokens, targets, vocabulary] {
    return torch::cross_entropy_loss(model->forward(tokens).reshape({-1, vocabulary}), targets);
  });
}

Step make_gpt(const Gpt& shape) {
  return make_language_model<CharacterModel>(shape.vocabulary, shape.batch, shape.block, shape);
}

struct RecurrentModel : nn::Module {
  nn::Embedding embed{recurrent::kVocabulary, recurrent::kEmbed};
  nn::LSTM lstm{nn::LSTMOptions(recurrent::kEmbed, recurrent::kHidden).batch_first(true)};
  nn::Linear head{recurrent::kHidden, recurrent::kVocabulary};

  RecurrentModel() {
    register_module("embed", embed);
    register_module("lstm", lstm);
    register_module("head", head);
  }
  torch::Tensor forward(const torch::Tensor& tokens) { return head(std::get<0>(lstm(embed(tokens)))); }
};

Step make_lstm() {
  using namespace recurrent;
  return make_language_model<RecurrentModel>(kVocabulary, kBatch, kLength);
}

Step make_perceptron() {
  using namespace perceptron;
  torch::manual_seed(0);
  nn::Sequential model(nn::Linear(kInput, kHidden), nn::ReLU(), nn::Linear(kHidden, kHidden), nn::ReLU(),
                       nn::Linear(kHidden, kClasses));
  const auto x = torch::randn({kBatch, kInput});
  const auto targets = torch::randint(0, kClasses, {kBatch}, torch::kLong);
  return training_step(model->parameters(),
                       [model, x, targets]() mutable { return torch::cross_entropy_loss(model->forward(x), targets); });
}

Step make_chain() {
  const auto a = torch::full({1}, 0.5, torch::requires_grad());
  return [a]() mutable {
    a.mutable_grad() = torch::Tensor();
    auto y = a;
    for (int i = 0; i < chain::kOps; ++i) y = i % 3 == 0 ? y * a : i % 3 == 1 ? y + a : torch::tanh(y);
    y.backward();
  };
}

/// f and its gradient for x and `others`.
template <class F>
Step make_stream(int width, const std::vector<torch::Tensor>& others, const F& f) {
  std::vector<torch::Tensor> inputs = {torch::randn({streams::kRows, width}, torch::requires_grad())};
  for (const torch::Tensor& t : others) inputs.push_back(t.clone().set_requires_grad(true));
  const auto dy = torch::randn({streams::kRows, width});
  return [inputs, dy, f] { torch::autograd::grad({f(inputs)}, inputs, {dy}); };
}

Step make_norm_stream() {
  return make_stream(
      streams::kNormWidth, {torch::ones({streams::kNormWidth}), torch::zeros({streams::kNormWidth})},
      [](const std::vector<torch::Tensor>& x) { return torch::layer_norm(x[0], {streams::kNormWidth}, x[1], x[2]); });
}
Step make_softmax_stream() {
  return make_stream(streams::kSoftmaxWidth, {},
                     [](const std::vector<torch::Tensor>& x) { return torch::softmax(x[0], -1); });
}
Step make_gelu_stream() {
  return make_stream(streams::kGeluWidth, {}, [](const std::vector<torch::Tensor>& x) { return torch::gelu(x[0]); });
}

Step make_optimizer_stream() {
  std::vector<torch::Tensor> weights;
  for (int i = 0; i < streams::kTensors; ++i) {
    weights.push_back(torch::randn({streams::kTensorSize}, torch::requires_grad()));
    weights.back().mutable_grad() = torch::randn({streams::kTensorSize});
  }
  auto optimizer = std::make_shared<torch::optim::AdamW>(weights, torch::optim::AdamWOptions(1e-4));
  return [optimizer] { optimizer->step(); };
}

/// OpenBLAS, where libtorch's products come from, has threads of its own, of which libtorch knows nothing: one for each
/// core, whatever it is told.
void set_threads(int threads) {
  torch::set_num_threads(threads);
  if (void* const set_blas = dlsym(RTLD_DEFAULT, "openblas_set_num_threads"))
    reinterpret_cast<void (*)(int)>(set_blas)(threads);
}

}  // namespace

Engine libtorch_engine() {
  return {"libtorch",
          set_threads,
          {{"W1", "", make_block},
           {"W1b", "", make_batch_norm_block},
           {"W2", "", [] { return make_gpt(kSmallGpt); }},
           {.name = "W3", .description = "", .make = [] { return make_gpt(kLargeGpt); }, .heavy = true},
           {.name = "GPT2", .description = "", .make = [] { return make_gpt(kGpt2); }, .heavy = true},
           {"W4", "", make_lstm},
           {"W5", "", make_perceptron},
           {"W6", "", make_chain, chain::kOps},
           {"W7norm", "", make_norm_stream, 0, streams::bytes_of_rows(streams::kNormWidth)},
           {"W7softmax", "", make_softmax_stream, 0, streams::bytes_of_rows(streams::kSoftmaxWidth)},
           {"W7gelu", "", make_gelu_stream, 0, streams::bytes_of_rows(streams::kGeluWidth)},
           {"W7adamw", "", make_optimizer_stream, 0, streams::kOptimizerBytes},
           {.name = "W1busy", .description = "", .make = make_block, .neighbour = true},
           {.name = "W2busy", .description = "", .make = [] { return make_gpt(kSmallGpt); }, .neighbour = true}}};
}

}  // namespace bench
