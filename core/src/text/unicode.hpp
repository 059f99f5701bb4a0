// UTF-8 and its characters.
#pragma once

#include <string>
#include <string_view>

namespace tapegrad {

/// What a text begins with: a character of UTF-8, or a byte that is none (cut off, longer than need be, a surrogate)
/// and stands for itself.
struct Character {
  char32_t code;
  std::string_view bytes;
  bool valid;
};
/// REQUIRES: there is text.
Character first_character(std::string_view text);
/// The characters of UTF-8 text, as first_character() tells them.
std::u32string decoded(std::string_view text);
/// Whether it is a mark on the character before it, as the bar of x̄ is.
bool is_combining(char32_t character);
void append_utf8(std::string& text, char32_t character);

/// A name as it may stand in a line of text: control characters and line ends as \n, \t, \x1b or \u2028, and bytes that
/// are no UTF-8 as \xff.
std::string on_one_line(std::string_view name);

}  // namespace tapegrad
