// What checkpoints save: W3 with each of its layers checkpointed, and stacks of layers whose activations grow as the
// depth, or as its square root when the stack is cut into as many segments (Chen et al. 2016, arXiv:1604.06174).
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <vector>

#include "bench/training.hpp"
#include "bench/workloads.hpp"
#include "tapegrad/tapegrad.hpp"
#include "word_maker/model.hpp"

namespace bench {
namespace {

/// The encoder's layers, a checkpoint around so many at a time: the tape keeps what goes into each such segment.
tg::Tensor in_segments(tg::nn::TransformerEncoder& encoder, const tg::Tensor& x, std::size_t layers,
                       const tg::Mask& mask = {}) {
  tg::Tensor h = x;
  for (std::size_t i = 0; i < encoder.layers.size(); i += layers) {
    const auto segment = std::span(encoder.layers).subspan(i, std::min(layers, encoder.layers.size() - i));
    const auto run = [segment, mask](tg::Tensor y) {
      for (tg::nn::TransformerEncoderLayer& layer : segment) y = layer(y, mask);
      return y;
    };
    h = tg::checkpoint(run, h);
  }
  return tg::nn::apply_norm(encoder.norm, h, mask);
}

struct CheckpointedGpt : word_maker::CharacterModel {
  using CharacterModel::CharacterModel;

  tg::Tensor operator()(const tg::Tensor& tokens) {
    return tg::linear(in_segments(encoder, position(embed(tokens)), 1, tg::Mask::causal()), embed.weight);
  }
};

/// A checkpoint around so many layers; 0: none.
Step make_stack(int depth, std::size_t layers) {
  using namespace stack;
  tg::manual_seed(0);
  auto training = std::make_shared<Training<tg::nn::TransformerEncoder>>(
      tg::nn::TransformerEncoderOptions{.num_layers = depth,
                                        .embed_dim = kEmbed,
                                        .num_heads = kHeads,
                                        .norm_first = true,
                                        .dropout = 0.0,
                                        .activation = tg::nn::Activation::gelu,
                                        .final_norm = true});
  const tg::Tensor x = tg::randn({kBatch, kLength, kEmbed});
  const tg::Tensor target = tg::randn({kBatch, kLength, kEmbed});
  return training_step(std::move(training), [x, target, layers](auto& model) {
    return tg::mse_loss(layers == 0 ? model(x) : in_segments(model, x, layers), target);
  });
}

}  // namespace

std::vector<Workload> checkpoint_workloads() {
  std::vector<Workload> list = {{.name = "W3c",
                                 .description = "W3, a checkpoint around each layer",
                                 .make = [] { return make_gpt<CheckpointedGpt>(kLargeGpt); },
                                 .heavy = true}};
  for (const int depth : stack::kDepths) {
    const auto root = static_cast<int>(std::lround(std::sqrt(depth)));
    list.push_back({.name = fmt::format("D{}", depth),
                    .description = fmt::format("{} encoder layers [64, 64, 32]", depth),
                    .make = [depth] { return make_stack(depth, 0); },
                    .heavy = true});
    list.push_back({.name = fmt::format("D{}c", depth),
                    .description = fmt::format("D{}, a checkpoint around {} layers at a time", depth, root),
                    .make = [depth, root] { return make_stack(depth, static_cast<std::size_t>(root)); },
                    .heavy = true});
  }
  return list;
}

}  // namespace bench
