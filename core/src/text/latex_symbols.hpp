// What LaTeX's commands stand for in Unicode, and the other way round.
#pragma once

#include <optional>
#include <string_view>

namespace tapegrad {

/// Of \alpha "α"; nothing for a command that is no symbol.
std::optional<std::string_view> latex_symbol(std::string_view command);

/// Of "α" alpha, one of those that stand for it; nothing for what is no symbol.
std::optional<std::string_view> latex_command(std::string_view symbol);

/// Whether a command is written as its own name, as \log is.
bool is_latex_function(std::string_view command);

/// The combining mark of \bar, \hat and the like; 0 for other commands.
char32_t latex_accent(std::string_view command);

/// The command of a combining mark; empty for another character.
std::string_view latex_accent_of(char32_t mark);

}  // namespace tapegrad
