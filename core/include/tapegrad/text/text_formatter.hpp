// What formatters of types that print as a text derive from.
#pragma once

#include <fmt/core.h>

namespace tapegrad {

/// Takes a string's format specifications. fmt/core.h only declares string formatting; write() is defined in the
/// library, so that including this header alone links.
struct TextFormatter : fmt::formatter<fmt::string_view> {
  fmt::appender write(fmt::string_view text, fmt::format_context& context) const;
  /// What fmt/ranges.h calls for quotes around strings.
  constexpr void set_debug_format(bool /*on*/ = true) {}
};

}  // namespace tapegrad
