// Text within XML and HTML.
#pragma once

#include <string>
#include <string_view>

namespace tapegrad {

/// Text in which &, <, >, " and control characters are harmless; the latter XML 1.0 cannot write: they become '?'.
std::string escaped(std::string_view text);

}  // namespace tapegrad
