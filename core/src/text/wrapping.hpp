// Text in lines of a terminal, as wide as display_width() says.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tapegrad {

/// Cut at spaces into lines of at most `width` columns, best at gaps of three (between the parts of a formula); a
/// longer word stands on a line of its own. No text is one empty line.
std::vector<std::string> wrapped(std::string_view text, std::size_t width);

}  // namespace tapegrad
