#include "tapegrad/text/text_formatter.hpp"

#include <fmt/format.h>

namespace tapegrad {

fmt::appender TextFormatter::write(fmt::string_view text, fmt::format_context& context) const {
  return formatter::format(text, context);
}

}  // namespace tapegrad
