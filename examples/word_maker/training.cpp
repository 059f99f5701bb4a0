#include "word_maker/training.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "tapegrad/base/error.hpp"
#include "tapegrad/ops/loss.hpp"
#include "tapegrad/optim/adam.hpp"
#include "tapegrad/optim/clip.hpp"
#include "tapegrad/optim/decay_groups.hpp"
#include "tapegrad/optim/schedule.hpp"
#include "tapegrad/tape/tape.hpp"
#include "word_maker/batches.hpp"

namespace word_maker {

namespace tg = tapegrad;

namespace {

constexpr double kLargestNorm = 1.0;
constexpr std::size_t kMeasuredTogether = 64;

}  // namespace

void expect_finite_loss(double loss, std::int64_t step, double lr) {
  if (!std::isfinite(loss))
    throw tg::ValueError(fmt::format(
        "[training] the loss is {} at step {}: the training diverges; try a learning rate below {}", loss, step, lr));
}

std::int64_t train(CharacterModel& model, const Corpus& corpus, const TrainingOptions& options,
                   const std::function<bool(const TrainingStep&)>& after_step) {
  const std::vector<tg::Tensor> parameters = model.parameters();
  const tg::optim::AdamWOptions adam{.lr = options.lr, .betas = {0.9, 0.98}, .weight_decay = 0.1};
  tg::optim::AdamW optimizer(tg::optim::decay_groups(parameters, adam));
  tg::optim::WarmupCosine schedule(optimizer, {.warmup_steps = std::min<std::int64_t>(100, options.steps / 10),
                                               .total_steps = options.steps,
                                               .min_lr = options.lr / 50});
  BatchSource source(corpus, options.batch, model.sizes().length, options.seed);
  model.train();
  for (std::int64_t step = 1; step <= options.steps; ++step) {
    const Batch batch = source.next();
    tg::Tape tape;
    const tg::Tensor loss =
        tg::cross_entropy(model(batch.inputs, batch.valid), batch.targets, {.ignore_index = Batch::kIgnore});
    const double value = loss.item();
    expect_finite_loss(value, step, options.lr);
    tape.backward(loss);
    tg::optim::clip_grad_norm(parameters, kLargestNorm);
    optimizer.step();
    optimizer.zero_grad();
    schedule.step();
    if (!after_step({.step = step, .sequences = options.batch, .loss = value})) return step;
  }
  return options.steps;
}

double bits_per_character(CharacterModel& model, const Corpus& corpus) {
  const bool was_training = model.is_training();
  model.eval();
  std::vector<Example> examples;
  for (const Sequence& sequence : corpus.held_out) {
    const std::vector<Example> parts = cut(sequence, model.sizes().length);
    examples.insert(examples.end(), parts.begin(), parts.end());
  }
  std::stable_sort(examples.begin(), examples.end(),
                   [](const Example& a, const Example& b) { return a.tokens.size() < b.tokens.size(); });
  const tg::NoRecord unrecorded;
  double nats = 0, characters = 0;
  for (std::size_t i = 0; i < examples.size(); i += kMeasuredTogether) {
    const Batch batch = make_batch(std::span(examples).subspan(i, std::min(kMeasuredTogether, examples.size() - i)));
    nats += tg::cross_entropy(model(batch.inputs, batch.valid), batch.targets,
                              {.ignore_index = Batch::kIgnore, .reduction = tg::Reduction::sum})
                .item();
    characters += static_cast<double>(batch.characters);
  }
  model.train(was_training);
  return nats / characters / std::numbers::ln2;
}

}  // namespace word_maker
