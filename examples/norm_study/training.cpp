#include "norm_study/training.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <optional>
#include <utility>

#include "console/interrupt.hpp"
#include "console/jobs.hpp"
#include "tapegrad/ops/loss.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/tape/tape.hpp"

namespace norm_study {
namespace tg = tapegrad;
namespace {

constexpr std::size_t kEvaluationBatch = 128;
constexpr std::int64_t kReportEvery = 5;  // steps between two calls of Progress::advance

std::int64_t count_hits(const tg::Tensor& logits, const tg::Tensor& languages) {
  const tg::Tensor answers = tg::argmax(logits, -1);
  const auto given = answers.data<std::int64_t>(), right = languages.data<std::int64_t>();
  std::int64_t hits = 0;
  for (std::size_t i = 0; i < given.size(); ++i) hits += given[i] == right[i] ? 1 : 0;
  return hits;
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

std::vector<EncodedWord> curve_words_of(std::span<const EncodedWord> words, std::size_t count) {
  const std::size_t stride = std::max<std::size_t>(1, words.size() / std::max<std::size_t>(1, count));
  std::vector<EncodedWord> part;
  for (std::size_t i = 0; i < words.size(); i += stride) part.push_back(words[i]);
  return part;
}

std::string TrainOptions::key() const {
  const std::string network = fmt::format("norm {} ghost {} first {} layers {} width {} heads {} ffn {} dropout {}",
                                          static_cast<int>(model.norm.norm), model.norm.ghost, model.norm_first,
                                          model.layers, model.width, model.heads, model.ffn_width, model.dropout);
  return fmt::format("{} seed {} steps {} batch {} lr {} warmup {} order {} pad {} curve {} of {}", network, seed,
                     steps, batch, lr, warmup, static_cast<int>(order), pad_to, curve_points, curve_words);
}

tg::optim::AdamWOptions optimizer_of(const TrainOptions& options) {
  return {.lr = options.lr, .betas = {0.9, 0.98}, .weight_decay = 0.01};
}

tg::optim::WarmupCosineOptions schedule_of(const TrainOptions& options) {
  return {.warmup_steps = std::llround(options.warmup * static_cast<double>(options.steps)),
          .total_steps = options.steps};
}

Trained train(const TrainOptions& options, const Corpus& corpus, console::TrainingProgress* progress) {
  Trained run{.options = options, .model = WordClassifier(options.model, options.seed), .curve = {}};
  if (console::interrupted()) return run;
  tg::optim::AdamW optimizer(run.model.parameters(), optimizer_of(options));
  tg::optim::WarmupCosine schedule(optimizer, schedule_of(options));
  BatchSource source(corpus.train, options.batch, options.order, options.seed);
  const std::vector<EncodedWord> curve_words =
      options.curve_points > 0 ? curve_words_of(corpus.test, options.curve_words) : std::vector<EncodedWord>();

  double loss_sum = 0, curve_loss = 0, recent_loss = 0;
  std::int64_t curve_steps = 0, recent_hits = 0, recent_steps = 0;
  for (std::int64_t step = 0; step < options.steps && !console::interrupted(); ++step) {
    const auto start = std::chrono::steady_clock::now();
    const Batch batch = make_batch(corpus.train, source.next(), options.pad_to);
    {
      tg::Tape tape;
      const tg::Tensor logits = run.model(batch);
      const tg::Tensor loss = tg::cross_entropy(logits, batch.languages);
      const double value = loss.item();
      loss_sum += value;
      curve_loss += value;
      recent_loss += value;
      recent_hits += count_hits(logits, batch.languages);
      tape.backward(loss);
    }
    optimizer.step();
    optimizer.zero_grad();
    schedule.step();
    run.steps_done = step + 1;
    run.seconds += seconds_since(start);
    ++curve_steps;
    ++recent_steps;
    if (progress != nullptr && (recent_steps == kReportEvery || run.complete())) {
      const auto steps = static_cast<double>(recent_steps);
      progress->advance(recent_steps, recent_steps * options.batch, recent_loss / steps,
                        static_cast<double>(recent_hits) / (steps * static_cast<double>(options.batch)));
      recent_loss = 0;
      recent_hits = recent_steps = 0;
    }
    const std::int64_t points = options.curve_points;
    if (points > 0 && run.steps_done * points / options.steps != step * points / options.steps) {
      run.curve.push_back(
          {run.steps_done, curve_loss / static_cast<double>(curve_steps), accuracy_of(run.model, curve_words)});
      curve_loss = 0;
      curve_steps = 0;
      run.model.train();
    }
  }
  run.mean_loss = run.steps_done == 0 ? 0 : loss_sum / static_cast<double>(run.steps_done);
  run.accuracy = accuracy_of(run.model, corpus.test);
  return run;
}

std::vector<Trained> train_side_by_side(const std::vector<TrainOptions>& options, const Corpus& corpus, int threads,
                                        console::TrainingProgress* progress) {
  std::vector<std::optional<Trained>> runs(options.size());
  console::run_side_by_side(options.size(), threads,
                            [&](std::size_t i) { runs[i] = train(options[i], corpus, progress); });
  std::vector<Trained> done;
  for (std::optional<Trained>& run : runs) done.push_back(std::move(*run));
  return done;
}

tg::Tensor logits_of(WordClassifier& model, const Batch& batch) {
  const tg::NoRecord pause;
  return model(batch);
}

std::vector<std::int64_t> predict(WordClassifier& model, std::span<const EncodedWord> words) {
  model.eval();
  // In evaluation a word's answer does not depend on its batch: words of like length share one, and little is padding.
  std::vector<std::size_t> order(words.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return words[a].length() < words[b].length(); });
  std::vector<std::int64_t> answers(words.size());
  for (std::size_t first = 0; first < order.size(); first += kEvaluationBatch) {
    const auto picks = std::span(order).subspan(first, std::min(kEvaluationBatch, order.size() - first));
    const tg::Tensor best = tg::argmax(logits_of(model, make_batch(words, picks)), -1);
    const auto values = best.data<std::int64_t>();
    for (std::size_t i = 0; i < picks.size(); ++i) answers[picks[i]] = values[i];
  }
  return answers;
}

double accuracy_of(WordClassifier& model, std::span<const EncodedWord> words) {
  const std::vector<std::int64_t> answers = predict(model, words);
  std::int64_t hits = 0;
  for (std::size_t i = 0; i < words.size(); ++i) hits += answers[i] == words[i].language ? 1 : 0;
  return words.empty() ? 0.0 : static_cast<double>(hits) / static_cast<double>(words.size());
}

double accuracy_by_batch_statistics(WordClassifier& model, std::span<const EncodedWord> words,
                                    std::span<const std::vector<std::size_t>> batches) {
  model.train();
  model.set_tracking(false);
  std::int64_t hits = 0, count = 0;
  for (const std::vector<std::size_t>& picks : batches) {
    const Batch batch = make_batch(words, picks);
    hits += count_hits(logits_of(model, batch), batch.languages);
    count += static_cast<std::int64_t>(picks.size());
  }
  model.set_tracking(true);
  model.eval();
  return count == 0 ? 0.0 : static_cast<double>(hits) / static_cast<double>(count);
}

}  // namespace norm_study
