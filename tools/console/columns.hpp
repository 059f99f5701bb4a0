// Text in columns of a terminal, as wide as display_width() says.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "tapegrad/text/readable_math.hpp"

namespace console {

using tapegrad::display_width;

/// Filled up with spaces to `width` columns; left as it is when longer.
std::string padded(std::string_view text, std::size_t width);

/// Shortened to `width` columns with an ellipsis, or filled up with spaces.
std::string fit(std::string_view text, std::size_t width);

/// tapegrad's own wrapped(), for programs that do not see the inside of core: cut at spaces into lines of at most
/// `width` columns, best at gaps of three; a longer word stands on a line of its own. No text is one empty line.
std::vector<std::string> wrapped(std::string_view text, std::size_t width);

/// The wrapped lines, each behind so many spaces and with a newline.
std::string paragraph(std::string_view text, std::size_t indent, std::size_t width);

/// Paragraphs, each one line, wrapped. Of an indented line, what stands behind a wide gap goes below where it does not
/// fit.
std::string reflowed(const std::string& text, std::size_t width);

}  // namespace console
