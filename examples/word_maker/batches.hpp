// Sequences side by side, as the network takes them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tapegrad/base/random.hpp"
#include "tapegrad/ops/mask.hpp"
#include "tapegrad/tape/tensor.hpp"
#include "word_maker/corpus.hpp"
#include "word_maker/vocabulary.hpp"

namespace word_maker {

/// Tokens to be predicted one after another, of which the first `context` are only shown.
struct Example {
  std::span<const Token> tokens;
  std::size_t context = 0;
};

struct Batch {
  static constexpr std::int64_t kIgnore = -100;

  tapegrad::Tensor inputs;   // int64 [N, L]: the boundary, then the tokens but the last
  tapegrad::Tensor targets;  // int64 [N, L]: the tokens; kIgnore for context and padding
  tapegrad::Mask valid;
  std::int64_t characters = 0;  // targets that count
};

/// Examples of different lengths are padded at their end.
Batch make_batch(std::span<const Example> examples);

/// The number of positions that a network needs for a corpus: of the longest word, or `block` for running text.
std::int64_t input_length(const Corpus& corpus, std::int64_t block);

/// A sequence in parts that a network of `length` positions can read. Where there are several, each but the first
/// begins with half a length of context, so that no character is predicted from little.
std::vector<Example> cut(const Sequence& sequence, std::int64_t length);

/// What to learn from, without end. Words come in a new order each time round, words of about the same length together
/// (padding costs as much as letters). Running text comes in windows at random places.
class BatchSource {
 public:
  /// REQUIRES: the corpus outlives it. `length` positions in a window of running text.
  BatchSource(const Corpus& corpus, std::int64_t batch_size, std::int64_t length, std::uint64_t seed);

  Batch next();

 private:
  Batch next_words();
  Batch next_windows();
  void refill();

  const Corpus& corpus_;
  std::size_t batch_size_, length_;
  tapegrad::Generator generator_;
  std::vector<std::size_t> order_;              // of the words
  std::size_t place_ = 0;                       // in order_
  std::vector<std::vector<std::size_t>> pool_;  // batches to come
};

}  // namespace word_maker
