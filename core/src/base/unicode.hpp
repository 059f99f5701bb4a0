// UTF-8 and its characters.
#pragma once

#include <string>
#include <string_view>

namespace tapegrad {

/// The characters of UTF-8 text; a byte that is none stands for itself.
std::u32string decoded(std::string_view text);
void append_utf8(std::string& text, char32_t character);

/// A name as it may stand in a line of text: control characters and line ends as \n, \t, \x1b or \u2028.
std::string on_one_line(std::string_view name);

}  // namespace tapegrad
