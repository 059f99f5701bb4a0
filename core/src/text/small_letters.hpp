// Unicode's letters with marks, and its small ones above and below the line.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tapegrad {

/// UTF-8 text with a combining mark on each character, so that a bar over several reads as one line.
std::string accented(std::string_view text, char32_t mark);

/// Whether letters stand in a row as in "b ln a", blanks left out: small ones cannot be told apart.
bool has_long_run(std::string_view text);

/// Text in small letters; nothing where one has no small form, or where it reads better as it is.
std::optional<std::string> subscript(std::string_view text);
std::optional<std::string> superscript(std::string_view text);

/// What a character stands for that is a letter with a mark, or a small one above or below the line.
struct TakenApart {
  enum class Kind : unsigned char { marked, below, above };
  Kind kind;
  char32_t letter;
  char32_t mark = 0;  ///< the combining one of a marked letter
};
/// Of ȳ y and the bar, of ² a 2 above the line; nothing for other characters.
std::optional<TakenApart> taken_apart(char32_t character);

}  // namespace tapegrad
