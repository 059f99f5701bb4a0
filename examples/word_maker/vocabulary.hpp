// Characters as numbers.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace word_maker {

using Token = std::int32_t;

/// What is to be predicted, one token after another. A word ends with kBoundary; before the first token a model is
/// always shown one kBoundary, which is not part of the sequence.
using Sequence = std::vector<Token>;

/// The start of a sequence, and the end of a word.
inline constexpr Token kBoundary = 0;

/// The characters of a language, which get the tokens from 1 on in ascending order.
class Vocabulary {
 public:
  /// As many characters as the n-gram counts can tell apart.
  static constexpr std::int64_t kLargest = 4095;

  Vocabulary() = default;
  /// Throws tapegrad::ValueError for more than kLargest distinct characters.
  explicit Vocabulary(std::u32string characters);

  /// Number of tokens, the boundary included.
  std::int64_t size() const { return static_cast<std::int64_t>(characters_.size()) + 1; }
  bool contains(char32_t character) const;
  /// Throws tapegrad::ValueError that names a character which has no token.
  Sequence encode(std::u32string_view text) const;
  /// UTF-8, up to the first boundary.
  std::string decode(std::span<const Token> tokens) const;
  const std::u32string& characters() const { return characters_; }

 private:
  std::u32string characters_;  // ascending
};

}  // namespace word_maker
