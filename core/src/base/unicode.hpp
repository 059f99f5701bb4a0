// UTF-8 and its characters.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tapegrad {

/// Bytes of the character that the text begins with; 0 where that is no UTF-8 (cut off, longer than need be, a
/// surrogate). REQUIRES: there is text.
std::size_t character_length(std::string_view text);
/// The characters of UTF-8 text; a byte that is none stands for itself.
std::u32string decoded(std::string_view text);
void append_utf8(std::string& text, char32_t character);

/// A name as it may stand in a line of text: control characters and line ends as \n, \t, \x1b or \u2028, and bytes that
/// are no UTF-8 as \xff.
std::string on_one_line(std::string_view name);

}  // namespace tapegrad
