// What LaTeX's commands stand for in Unicode.
#pragma once

#include <optional>
#include <string_view>

namespace tapegrad {

/// Of \alpha "α"; nothing for a command that is no symbol.
std::optional<std::string_view> latex_symbol(std::string_view command);

/// Whether a command is written as its own name, as \log is.
bool is_latex_function(std::string_view command);

/// The combining mark of \bar, \hat and the like; 0 for other commands.
char32_t latex_accent(std::string_view command);

}  // namespace tapegrad
