// Teaching the network, and measuring what it has learnt.
#pragma once

#include <cstdint>
#include <functional>

#include "word_maker/corpus.hpp"
#include "word_maker/model.hpp"

namespace word_maker {

struct TrainingOptions {
  std::int64_t steps = 1000;
  std::int64_t batch = 64;  ///< words, or windows of running text, in a step
  double lr = 3e-3;         ///< at its highest
  std::uint64_t seed = 1;
};

struct TrainingStep {
  std::int64_t step = 0;       ///< from 1
  std::int64_t sequences = 0;  ///< in this step
  double loss = 0;             ///< of this step's batch, in nats per character
};

/// AdamW with a warm-up and half a cosine, gradients clipped at norm 1. `after_step` is called after each step; the
/// training ends when it returns false. The same options and seeds give the same weights to the bit. Returns the steps
/// made. Throws as expect_finite_loss().
std::int64_t train(CharacterModel& model, const Corpus& corpus, const TrainingOptions& options,
                   const std::function<bool(const TrainingStep&)>& after_step);

/// Throws tapegrad::ValueError "[training] the loss is nan at step 7: ..." unless it is finite. `lr` is the highest.
void expect_finite_loss(double loss, std::int64_t step, double lr);

/// -log2 of the probability of the held-out sequences, per character; the end of a word counts as a character.
double bits_per_character(CharacterModel& model, const Corpus& corpus);

}  // namespace word_maker
