// The baseline: counted n-grams of characters, smoothed.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "word_maker/vocabulary.hpp"

namespace word_maker {

/// Interpolated Kneser-Ney smoothing (Kneser and Ney 1995; Chen and Goodman 1999, section 2.7):
///
///   p_k(w | h) = max(c_k(h w) - D_k, 0) / sum_v c_k(h v)  +  D_k types(h) / sum_v c_k(h v)  p_(k-1)(w | h'),
///
/// where h is the k - 1 tokens before w, h' the same without its first, types(h) the number of tokens seen after h, and
/// p_0 = 1 / vocabulary. c at the highest order counts occurrences; below it, how many different tokens stand before
/// (grams at the start of a sequence, before which nothing can stand, count occurrences). The discount of each order is
/// D_k = n1 / (n1 + 2 n2), n1 and n2 the number of grams counted once and twice (Ney, Essen, Kneser 1994), or 1/2 where
/// one of them is 0. A history that was never seen hands over to the lower order.
class KneserNey {
 public:
  static constexpr int kLargestOrder = 5;  // tokens of 12 bits in a key of 64

  /// Throws tapegrad::ValueError for an order outside 1 ... kLargestOrder or a vocabulary beyond Vocabulary::kLargest.
  KneserNey(std::span<const Sequence> sequences, std::int64_t vocabulary, int order = kLargestOrder);

  /// `history` is everything before `next`, the boundary at its start included.
  double probability(std::span<const Token> history, Token next) const;
  /// -log2 of a sequence's probability.
  double bits(const Sequence& sequence) const;
  /// D_k. REQUIRES: 1 <= k <= order().
  double discount(int k) const { return levels_[static_cast<std::size_t>(k) - 1].discount; }
  int order() const { return static_cast<int>(levels_.size()); }

 private:
  using Key = std::uint64_t;
  /// Grams of one length, packed with the first token in the highest bits: grams of one history stand together.
  struct Level {
    std::vector<Key> grams;  // ascending
    std::vector<std::uint32_t> counts;
    double discount = 0.5;
  };
  static Level count(std::vector<Key> occurrences);
  static Key pack(std::span<const Token> tokens);

  std::vector<Level> levels_;  // of 1, 2, ... tokens
  double uniform_;
};

/// Bits per token over all sequences.
double bits_per_character(const KneserNey& model, std::span<const Sequence> sequences);

}  // namespace word_maker
