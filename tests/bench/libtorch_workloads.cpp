// The same workloads on libtorch, as a C++ user would write them. Compiled only where libtorch is installed.
#include <torch/torch.h>

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
  nn::LayerNorm norm1{nn::LayerNormOptions({gpt::kEmbed})};
  nn::LayerNorm norm2{nn::LayerNormOptions({gpt::kEmbed})};
  nn::Linear project{gpt::kEmbed, 3 * gpt::kEmbed};
  nn::Linear out{gpt::kEmbed, gpt::kEmbed};
  nn::Linear first{gpt::kEmbed, 4 * gpt::kEmbed};
  nn::Linear second{4 * gpt::kEmbed, gpt::kEmbed};

  GptLayer() {
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
    const auto heads =
        project(norm1(x)).reshape({n, l, 3, gpt::kHeads, gpt::kEmbed / gpt::kHeads}).permute({2, 0, 3, 1, 4});
    const auto scores =
        torch::matmul(heads[0], heads[1].transpose(-2, -1)) / std::sqrt(static_cast<double>(gpt::kEmbed / gpt::kHeads));
    const auto weights = torch::softmax(scores.masked_fill(hidden, -std::numeric_limits<float>::infinity()), -1);
    x = x + out(torch::matmul(weights, heads[2]).transpose(1, 2).reshape({n, l, gpt::kEmbed}));
    return x + second(torch::gelu(first(norm2(x))));
  }
};

struct CharacterModel : nn::Module {
  nn::Embedding embed{gpt::kVocabulary, gpt::kEmbed};
  nn::Embedding position{gpt::kBlock, gpt::kEmbed};
  nn::ModuleList layers;
  nn::LayerNorm norm{nn::LayerNormOptions({gpt::kEmbed})};
  torch::Tensor hidden = torch::ones({gpt::kBlock, gpt::kBlock}, torch::kBool).triu(1);
  torch::Tensor places = torch::arange(gpt::kBlock);

  CharacterModel() {
    register_module("embed", embed);
    register_module("position", position);
    for (int i = 0; i < gpt::kLayers; ++i) layers->push_back(std::make_shared<GptLayer>());
    register_module("layers", layers);
    register_module("norm", norm);
  }
  torch::Tensor forward(const torch::Tensor& tokens) {
    auto x = embed(tokens) + position(places);
    for (const auto& layer : *layers) x = layer->as<GptLayer>()->forward(x, hidden);
    return torch::matmul(norm(x), embed->weight.t());
  }
};

Step make_gpt() {
  using namespace gpt;
  torch::manual_seed(0);
  auto model = std::make_shared<CharacterModel>();
  const auto tokens = torch::randint(0, kVocabulary, {kBatch, kBlock}, torch::kLong);
  const auto targets = torch::randint(0, kVocabulary, {kBatch * kBlock}, torch::kLong);
  return training_step(model->parameters(), [model, tokens, targets] {
    return torch::cross_entropy_loss(model->forward(tokens).reshape({-1, kVocabulary}), targets);
  });
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

}  // namespace

Engine libtorch_engine() {
  return {"libtorch",
          [](int threads) { torch::set_num_threads(threads); },
          {{"W1", "", make_block},
           {"W1b", "", make_batch_norm_block},
           {"W2", "", make_gpt},
           {"W5", "", make_perceptron},
           {"W6", "", make_chain, chain::kOps}}};
}

}  // namespace bench
