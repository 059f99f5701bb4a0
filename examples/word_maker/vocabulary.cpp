#include "word_maker/vocabulary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "tapegrad/base/error.hpp"
#include "word_lists/letters.hpp"

namespace word_maker {

Vocabulary::Vocabulary(std::u32string characters) : characters_(std::move(characters)) {
  std::sort(characters_.begin(), characters_.end());
  characters_.erase(std::unique(characters_.begin(), characters_.end()), characters_.end());
  if (size() > kLargest + 1)
    throw tapegrad::ValueError(
        fmt::format("[vocabulary] expected at most {} distinct characters, got {}", kLargest, characters_.size()));
}

bool Vocabulary::contains(char32_t character) const {
  return std::binary_search(characters_.begin(), characters_.end(), character);
}

Sequence Vocabulary::encode(std::u32string_view text) const {
  Sequence tokens;
  tokens.reserve(text.size() + 1);
  for (const char32_t c : text) {
    if (!contains(c))
      throw tapegrad::ValueError(
          fmt::format("[vocabulary] no character \"{}\" (U+{:04X}) among the {} that were learnt",
                      word_lists::to_utf8({&c, 1}), static_cast<std::uint32_t>(c), characters_.size()));
    const auto found = std::lower_bound(characters_.begin(), characters_.end(), c);
    tokens.push_back(static_cast<Token>(found - characters_.begin()) + 1);
  }
  return tokens;
}

std::string Vocabulary::decode(std::span<const Token> tokens) const {
  std::u32string text;
  for (const Token token : tokens) {
    if (token == kBoundary) break;
    text.push_back(characters_.at(static_cast<std::size_t>(token) - 1));
  }
  return word_lists::to_utf8(text);
}

}  // namespace word_maker
