// Training, evaluation, and networks trained side by side.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "console/training_progress.hpp"
#include "norm_study/batches.hpp"
#include "norm_study/model.hpp"
#include "norm_study/report.hpp"
#include "tapegrad/optim/adam.hpp"
#include "tapegrad/optim/schedule.hpp"

namespace norm_study {

struct TrainOptions {
  ModelOptions model = {};
  std::uint64_t seed = 1;
  std::int64_t steps = 500, batch = 64;
  double lr = 3e-3;
  double warmup = 0.1;  // share of the steps
  BatchOrder order = BatchOrder::shuffled;
  std::int64_t pad_to = 0;         // every training batch has at least as many positions
  int curve_points = 0;            // how often the network is measured on the way
  std::size_t curve_words = 1200;  // about how many of the test words it is measured on then: curve_words_of()

  /// Everything that the result depends on, as text.
  std::string key() const;
};

struct Trained {
  TrainOptions options;
  WordClassifier model;
  std::int64_t steps_done = 0;
  double accuracy = 0;            // over all test words, running statistics, in [0, 1]
  double mean_loss = 0;           // over all steps
  double seconds = 0;             // training alone
  std::vector<CurvePoint> curve;  // all points, the last too, on the same words
  bool complete() const { return steps_done == options.steps; }
};

/// Every so-many-th word: languages stand one after the other, so each has its share.
std::vector<EncodedWord> curve_words_of(std::span<const EncodedWord> words, std::size_t count);

/// What every training is made with: AdamW, a linear warm-up and half a cosine.
tapegrad::optim::AdamWOptions optimizer_of(const TrainOptions& options);
tapegrad::optim::WarmupCosineOptions schedule_of(const TrainOptions& options);

/// Stops early when interrupted().
Trained train(const TrainOptions& options, const Corpus& corpus, console::TrainingProgress* progress);

/// Networks trained by `threads` threads, each network by one of them; results in the order of the options. Those whose
/// turn has not come when interrupted() becomes true have 0 steps. Rethrows what a training throws.
std::vector<Trained> train_side_by_side(const std::vector<TrainOptions>& options, const Corpus& corpus, int threads,
                                        console::TrainingProgress* progress);

/// Logits [N, languages] without recording, in the mode that the network is in.
tapegrad::Tensor logits_of(WordClassifier& model, const Batch& batch);

/// The most probable language of each word, in evaluation mode.
std::vector<std::int64_t> predict(WordClassifier& model, std::span<const EncodedWord> words);

/// Share of the words whose language is found, in evaluation mode, in [0, 1].
double accuracy_of(WordClassifier& model, std::span<const EncodedWord> words);

/// Share of the words whose language is found when BatchNorm normalises by the statistics of the batches given, as in
/// training; the network is left as it was.
double accuracy_by_batch_statistics(WordClassifier& model, std::span<const EncodedWord> words,
                                    std::span<const std::vector<std::size_t>> batches);

}  // namespace norm_study
