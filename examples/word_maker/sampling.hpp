// Making sequences up.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tapegrad/base/random.hpp"
#include "word_maker/corpus.hpp"
#include "word_maker/model.hpp"

namespace word_maker {

struct SamplingOptions {
  /// Logits are divided by it: below 1 the likely becomes likelier; 0 always takes the likeliest.
  double temperature = 1.0;
  /// Only so many likeliest tokens can be drawn; 0 is all.
  std::int64_t top_k = 0;
};

/// softmax(logits / temperature) over the top_k largest logits, 0 elsewhere. Of equal logits the first ones stay, and
/// temperature 0 gives the first of the largest ones. A logit of -inf has probability 0. Throws tapegrad::ValueError
/// for a negative or non-finite temperature, a negative top_k, and logits none of which is finite.
std::vector<double> distribution(std::span<const float> logits, const SamplingOptions& options);

struct MakeUpOptions {
  std::int64_t count = 1;
  /// What each begins with.
  Sequence prefix = {};
  /// Characters of running text, the prefix included; words end by themselves.
  std::int64_t characters = 400;
  SamplingOptions sampling = {};
};

/// Draws `count` words side by side, or as many pieces of running text. A word of the network's full length ends there.
/// Throws tapegrad::ValueError for a prefix that leaves a word no room.
std::vector<Sequence> make_up(CharacterModel& model, Kind kind, const MakeUpOptions& options,
                              tapegrad::Generator& generator);

/// The logits [L + 1, V] of each next token along a sequence of at most the network's length - 1, row after row.
std::vector<float> logits_along(CharacterModel& model, const Sequence& sequence);

}  // namespace word_maker
