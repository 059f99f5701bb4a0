#include "word_maker/batches.hpp"

#include <algorithm>
#include <numeric>
#include <span>

#include "tapegrad/tape/create.hpp"
#include "word_lists/shuffle.hpp"

namespace word_maker {
namespace {

constexpr std::size_t kPoolBatches = 16;

}  // namespace

Batch make_batch(std::span<const Example> examples) {
  std::size_t longest = 0;
  std::vector<std::int64_t> lengths;
  for (const Example& example : examples) {
    longest = std::max(longest, example.tokens.size());
    lengths.push_back(static_cast<std::int64_t>(example.tokens.size()));
  }
  std::vector<std::int64_t> inputs(examples.size() * longest, kBoundary);
  std::vector<std::int64_t> targets(examples.size() * longest, Batch::kIgnore);
  Batch batch;
  for (std::size_t n = 0; n < examples.size(); ++n) {
    const auto& [tokens, context] = examples[n];
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (i > 0) inputs[n * longest + i] = tokens[i - 1];
      if (i >= context) targets[n * longest + i] = tokens[i];
    }
    batch.characters += static_cast<std::int64_t>(tokens.size() - context);
  }
  const tapegrad::Shape shape{static_cast<std::int64_t>(examples.size()), static_cast<std::int64_t>(longest)};
  batch.inputs = tapegrad::from_vector(inputs, shape);
  batch.targets = tapegrad::from_vector(targets, shape);
  batch.valid = tapegrad::Mask::from_lengths(lengths, static_cast<std::int64_t>(longest));
  return batch;
}

std::int64_t input_length(const Corpus& corpus, std::int64_t block) {
  if (corpus.kind == Kind::text) return block;
  std::size_t longest = 1;
  for (const auto* side : {&corpus.learnt, &corpus.held_out})
    for (const Sequence& word : *side) longest = std::max(longest, word.size());
  return static_cast<std::int64_t>(longest);
}

std::vector<Example> cut(const Sequence& sequence, std::int64_t length) {
  const std::span<const Token> tokens(sequence);
  const auto whole = static_cast<std::size_t>(length);
  if (tokens.size() <= whole) return {{tokens}};
  std::vector<Example> parts{{tokens.first(whole)}};
  const std::size_t context = whole / 2;
  for (std::size_t done = whole; done < tokens.size();) {
    const std::size_t count = std::min(whole - context, tokens.size() - done);
    parts.push_back({tokens.subspan(done - context, context + count), context});
    done += count;
  }
  return parts;
}

BatchSource::BatchSource(const Corpus& corpus, std::int64_t batch_size, std::int64_t length, std::uint64_t seed)
    : corpus_(corpus),
      batch_size_(static_cast<std::size_t>(batch_size)),
      length_(static_cast<std::size_t>(length)),
      generator_(seed),
      order_(corpus.learnt.size()) {
  std::iota(order_.begin(), order_.end(), std::size_t{0});
}

Batch BatchSource::next() { return corpus_.kind == Kind::words ? next_words() : next_windows(); }

void BatchSource::refill() {
  std::vector<std::size_t> words;
  while (words.size() < kPoolBatches * batch_size_) {
    if (place_ == 0) word_lists::shuffle(std::span(order_), generator_);
    words.push_back(order_[place_]);
    place_ = (place_ + 1) % order_.size();
  }
  std::stable_sort(words.begin(), words.end(),
                   [&](std::size_t a, std::size_t b) { return corpus_.learnt[a].size() < corpus_.learnt[b].size(); });
  for (std::size_t i = 0; i < words.size(); i += batch_size_) {
    const auto begin = words.begin() + static_cast<std::ptrdiff_t>(i);
    pool_.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(batch_size_));
  }
  word_lists::shuffle(std::span(pool_), generator_);
}

Batch BatchSource::next_words() {
  if (pool_.empty()) refill();
  std::vector<Example> examples;
  for (const std::size_t word : pool_.back()) examples.push_back({corpus_.learnt[word]});
  pool_.pop_back();
  return make_batch(examples);
}

Batch BatchSource::next_windows() {
  const std::span<const Token> text(corpus_.learnt.front());
  const std::size_t length = std::min(length_, text.size());
  std::vector<Example> examples;
  while (examples.size() < batch_size_) {
    const auto begin = generator_.below(static_cast<std::int64_t>(text.size() - length + 1));
    examples.push_back({text.subspan(static_cast<std::size_t>(begin), length)});
  }
  return make_batch(examples);
}

}  // namespace word_maker
