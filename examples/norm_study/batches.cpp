#include "norm_study/batches.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "tapegrad/base/error.hpp"
#include "tapegrad/tape/create.hpp"
#include "word_lists/shuffle.hpp"

namespace norm_study {

Corpus::Corpus(WordData words)
    : data(std::move(words)), train(encode(data.train, data.alphabet)), test(encode(data.test, data.alphabet)) {}

std::vector<EncodedWord> encode(std::span<const LabelledWord> words, const Alphabet& alphabet) {
  std::vector<EncodedWord> encoded;
  encoded.reserve(words.size());
  for (const LabelledWord& word : words) encoded.push_back({alphabet.encode(word.letters), word.language});
  return encoded;
}

Batch make_batch(std::span<const EncodedWord> words, std::span<const std::size_t> picks, std::int64_t length) {
  std::vector<std::int64_t> lengths, languages;
  for (const std::size_t pick : picks) {
    lengths.push_back(words[pick].length());
    languages.push_back(words[pick].language);
    length = std::max(length, lengths.back());
  }
  const auto n = static_cast<std::int64_t>(picks.size());
  const auto columns = static_cast<std::size_t>(length);
  std::vector<std::int64_t> letters(picks.size() * columns, Alphabet::kPad), previous = letters, next = letters;
  for (std::size_t i = 0; i < picks.size(); ++i) {
    const auto& ids = words[picks[i]].letters;
    const auto row = static_cast<std::ptrdiff_t>(i * columns);
    std::copy(ids.begin(), ids.end(), letters.begin() + row);
    if (ids.empty()) continue;
    std::copy(ids.begin(), ids.end() - 1, previous.begin() + row + 1);
    std::copy(ids.begin() + 1, ids.end(), next.begin() + row);
  }
  return {.letters = tapegrad::from_vector(letters, {n, length}),
          .previous = tapegrad::from_vector(previous, {n, length}),
          .next = tapegrad::from_vector(next, {n, length}),
          .languages = tapegrad::from_vector(languages),
          .mask = tapegrad::Mask::from_lengths(lengths, length)};
}

BatchSource::BatchSource(std::span<const EncodedWord> words, std::int64_t batch_size, BatchOrder order,
                         std::uint64_t seed)
    : words_(words), batch_size_(static_cast<std::size_t>(batch_size)), order_(order), generator_(seed) {
  if (batch_size < 1 || batch_size_ > words.size()) {
    throw tapegrad::ValueError(fmt::format("[BatchSource] batch size must be from 1 to the number of words, {}, got {}",
                                           words.size(), batch_size));
  }
}

std::span<const std::size_t> BatchSource::next() {
  if (used_ == starts_.size()) start_epoch();
  return std::span(indices_).subspan(starts_[used_++], batch_size_);
}

void BatchSource::start_epoch() {
  indices_ = shuffled_indices(words_.size(), generator_);
  if (order_ == BatchOrder::by_length) {
    std::stable_sort(indices_.begin(), indices_.end(),
                     [&](std::size_t a, std::size_t b) { return words_[a].length() < words_[b].length(); });
  }
  starts_.resize(words_.size() / batch_size_);
  for (std::size_t b = 0; b < starts_.size(); ++b) starts_[b] = b * batch_size_;
  if (order_ == BatchOrder::by_length) word_lists::shuffle(std::span(starts_), generator_);
  used_ = 0;
}

std::vector<std::size_t> shuffled_indices(std::size_t count, tapegrad::Generator& generator) {
  std::vector<std::size_t> indices(count);
  std::iota(indices.begin(), indices.end(), std::size_t{0});
  word_lists::shuffle(std::span(indices), generator);
  return indices;
}

}  // namespace norm_study
