// Text within XML and HTML.
#pragma once

#include <string>
#include <string_view>

namespace tapegrad {

/// Text in which &, <, >, " and control characters are harmless; the latter XML 1.0 cannot write: they become '?'. So
/// do bytes that are no UTF-8.
std::string escaped(std::string_view text);

}  // namespace tapegrad
