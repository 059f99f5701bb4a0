// Text in columns of a terminal: UTF-8 in which a combining mark (the bar of x̄) takes no column of its own.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tapegrad::program {

/// The characters of UTF-8 text; a byte that is none stands for itself.
std::u32string decoded(std::string_view text);
void append_utf8(std::string& text, char32_t character);

std::size_t columns(std::string_view text);

/// Filled up with spaces to `width` columns; left as it is when longer.
std::string padded(std::string_view text, std::size_t width);

/// Cut at spaces into lines of at most `width` columns; a longer word stands on a line of its own. No text is one empty
/// line.
std::vector<std::string> wrapped(std::string_view text, std::size_t width);

}  // namespace tapegrad::program
