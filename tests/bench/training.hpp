// What tapegrad's workloads train, and how.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "bench/workloads.hpp"
#include "tapegrad/tapegrad.hpp"
#include "word_maker/model.hpp"

namespace bench {

namespace tg = tapegrad;

/// A model with its optimiser; step() trains it once on fixed data.
template <class Model>
struct Training {
  Model model;
  tg::optim::AdamW optimizer;

  template <class... Args>
  explicit Training(Args&&... args) : model(std::forward<Args>(args)...), optimizer(model.parameters(), {.lr = 1e-4}) {}

  template <class Loss>
  void step(const Loss& loss) {
    optimizer.zero_grad();
    tg::Tape tape;
    tape.backward(loss(model));
    optimizer.step();
  }
};

/// A Step that owns its training and data.
template <class Model, class Loss>
Step training_step(std::shared_ptr<Training<Model>> training, Loss loss) {
  return [training = std::move(training), loss = std::move(loss)] { training->step(loss); };
}

/// Trains a model of the next token on random ones, [batch, length].
template <class Model, class... Args>
Step make_language_model(std::int64_t vocabulary, std::int64_t batch, std::int64_t length, const Args&... args) {
  tg::manual_seed(0);
  auto training = std::make_shared<Training<Model>>(args...);
  const tg::Tensor tokens = tg::randint(0, vocabulary, {batch, length});
  const tg::Tensor targets = tg::randint(0, vocabulary, {batch, length});
  return training_step(std::move(training),
                       [tokens, targets](auto& model) { return tg::cross_entropy(model(tokens), targets); });
}

template <class Model>
Step make_gpt(const Gpt& shape) {
  const word_maker::ModelSizes sizes{.vocabulary = shape.vocabulary,
                                     .length = shape.positions,
                                     .embed = shape.embed,
                                     .layers = shape.layers,
                                     .heads = shape.heads};
  return make_language_model<Model>(shape.vocabulary, shape.batch, shape.block, sizes);
}

}  // namespace bench
