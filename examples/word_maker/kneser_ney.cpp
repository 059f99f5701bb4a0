#include "word_maker/kneser_ney.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "tapegrad/base/error.hpp"

namespace word_maker {
namespace {

constexpr unsigned kTokenBits = 12;
static_assert(KneserNey::kLargestOrder * kTokenBits <= 64);
static_assert(Vocabulary::kLargest < (1 << kTokenBits));

Sequence with_start(const Sequence& sequence) {
  Sequence whole;
  whole.reserve(sequence.size() + 1);
  whole.push_back(kBoundary);
  whole.insert(whole.end(), sequence.begin(), sequence.end());
  return whole;
}

}  // namespace

KneserNey::Key KneserNey::pack(std::span<const Token> tokens) {
  Key key = 0;
  for (const Token token : tokens) key = key << kTokenBits | static_cast<Key>(token);
  return key;
}

KneserNey::Level KneserNey::count(std::vector<Key> occurrences) {
  std::sort(occurrences.begin(), occurrences.end());
  Level level;
  std::size_t once = 0, twice = 0;
  for (std::size_t begin = 0, end = 0; begin < occurrences.size(); begin = end) {
    while (end < occurrences.size() && occurrences[end] == occurrences[begin]) ++end;
    level.grams.push_back(occurrences[begin]);
    level.counts.push_back(static_cast<std::uint32_t>(end - begin));
    if (end - begin == 1) ++once;
    if (end - begin == 2) ++twice;
  }
  if (once > 0 && twice > 0) level.discount = static_cast<double>(once) / static_cast<double>(once + 2 * twice);
  return level;
}

KneserNey::KneserNey(std::span<const Sequence> sequences, std::int64_t vocabulary, int order)
    : uniform_(1.0 / static_cast<double>(vocabulary)) {
  if (order < 1 || order > kLargestOrder || vocabulary < 1 || vocabulary > Vocabulary::kLargest + 1)
    throw tapegrad::ValueError(
        fmt::format("[KneserNey] expected an order in 1 ... {} and a vocabulary in 1 ... {}, got {} and {}",
                    kLargestOrder, Vocabulary::kLargest + 1, order, vocabulary));
  levels_.resize(static_cast<std::size_t>(order));
  std::vector<std::vector<Key>> occurrences(levels_.size());
  for (const Sequence& sequence : sequences) {
    const Sequence whole = with_start(sequence);
    const std::span<const Token> tokens(whole);
    for (std::size_t n = 2; n < levels_.size() && n <= tokens.size(); ++n)
      occurrences[n - 1].push_back(pack(tokens.first(n)));
    // The boundary at the start is never predicted: it is no gram of one token.
    for (std::size_t n = levels_.size(), i = n == 1 ? 1 : 0; i + n <= tokens.size(); ++i)
      occurrences[n - 1].push_back(pack(tokens.subspan(i, n)));
  }
  for (std::size_t n = levels_.size(); n-- > 0;) {
    levels_[n] = count(std::move(occurrences[n]));
    if (n == 0) break;
    // Each distinct gram tells of one token that stands before the rest of it.
    const Key rest = (Key{1} << (kTokenBits * n)) - 1;
    for (const Key gram : levels_[n].grams) occurrences[n - 1].push_back(gram & rest);
  }
}

double KneserNey::probability(std::span<const Token> history, Token next) const {
  double p = uniform_;
  const std::size_t longest = std::min(levels_.size() - 1, history.size());
  for (std::size_t n = 0; n <= longest; ++n) {
    const Level& level = levels_[n];
    const Key first = pack(history.last(n)) << kTokenBits;
    const Key gram = first | static_cast<Key>(next);
    double total = 0, types = 0, kept = 0;
    for (auto at = std::lower_bound(level.grams.begin(), level.grams.end(), first);
         at != level.grams.end() && *at >> kTokenBits == first >> kTokenBits; ++at) {
      const double seen = level.counts[static_cast<std::size_t>(at - level.grams.begin())];
      total += seen;
      types += 1;
      if (*at == gram) kept = seen - level.discount;
    }
    if (total == 0) break;  // then no longer history was seen either
    p = (kept + level.discount * types * p) / total;
  }
  return p;
}

double KneserNey::bits(const Sequence& sequence) const {
  const Sequence whole = with_start(sequence);
  double sum = 0;
  for (std::size_t i = 1; i < whole.size(); ++i) sum -= std::log2(probability(std::span(whole).first(i), whole[i]));
  return sum;
}

double bits_per_character(const KneserNey& model, std::span<const Sequence> sequences) {
  double bits = 0, tokens = 0;
  for (const Sequence& sequence : sequences) {
    bits += model.bits(sequence);
    tokens += static_cast<double>(sequence.size());
  }
  return bits / tokens;
}

}  // namespace word_maker
