// Words as tensors: encoding, padding, and the orders in which training meets them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "norm_study/word_data.hpp"
#include "tapegrad/base/random.hpp"
#include "tapegrad/ops/mask.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace norm_study {

struct EncodedWord {
  std::vector<std::int64_t> letters;  // ids of the alphabet
  std::int64_t language = 0;
  std::int64_t length() const { return static_cast<std::int64_t>(letters.size()); }
};

/// The words of a study, encoded once.
struct Corpus {
  explicit Corpus(WordData words);

  WordData data;
  std::vector<EncodedWord> train, test;
};

std::vector<EncodedWord> encode(std::span<const LabelledWord> words, const Alphabet& alphabet);

/// N words padded to L letters. Beside each letter stand its neighbours; outside the word these are Alphabet::kPad.
struct Batch {
  tapegrad::Tensor letters, previous, next;  // int64 [N, L]
  tapegrad::Tensor languages;                // int64 [N]
  tapegrad::Mask mask;                       // the positions that hold a letter
};

/// The words words[picks[0]], words[picks[1]], ... padded to the longest of them, or to `length` where that is more.
Batch make_batch(std::span<const EncodedWord> words, std::span<const std::size_t> picks, std::int64_t length = 0);

enum class BatchOrder {
  shuffled,   // each epoch in a new random order
  by_length,  // each epoch: words of like length share a batch, the batches come in random order
};

/// Endless batches of indices. The order depends on the seed and the words' number (and lengths) alone. The words that
/// are left over at an epoch's end are not used in it.
class BatchSource {
 public:
  /// Throws tapegrad::ValueError unless 1 <= batch_size <= the number of words. `words` must outlive it.
  BatchSource(std::span<const EncodedWord> words, std::int64_t batch_size, BatchOrder order, std::uint64_t seed);

  std::span<const std::size_t> next();

 private:
  void start_epoch();

  std::span<const EncodedWord> words_;
  std::size_t batch_size_;
  BatchOrder order_;
  tapegrad::Generator generator_;
  std::vector<std::size_t> indices_;
  std::vector<std::size_t> starts_;  // of the epoch's batches, in the order of use
  std::size_t used_ = 0;
};

/// 0, 1, ... count - 1 in random order (Fisher and Yates).
std::vector<std::size_t> shuffled_indices(std::size_t count, tapegrad::Generator& generator);

}  // namespace norm_study
