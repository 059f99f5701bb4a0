// What a program needs to know about where its lines go.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "tapegrad/base/readable_math.hpp"

namespace console {

/// A terminal that can redraw a line (TERM is not "dumb").
bool is_terminal(std::FILE* stream);

/// Whether colours are wanted there: a terminal, and NO_COLOR (no-color.org) is unset or empty.
bool wants_colour(std::FILE* stream);

/// Columns of the terminal now (it may be resized at any time); if the stream is none those of the environment's
/// COLUMNS, else `otherwise`.
int terminal_width(std::FILE* stream, int otherwise = 80);

/// Whether everything printed has arrived: a disk may be full.
bool wrote_all(std::FILE* stream);

using tapegrad::display_width;

/// Text in a colour or weight, "1;33" being bold yellow; as it is where no colours are wanted.
std::string painted(std::string_view text, std::string_view code, bool colour);

/// Text cut at spaces into lines of at most `width` columns; a longer word stands on a line of its own. Wide spaces
/// stay as wide inside a line.
std::vector<std::string> wrap(std::string_view text, std::size_t width);

/// Text, shortened to `width` columns with an ellipsis, or filled up with spaces.
std::string fit(std::string_view text, std::size_t width);

}  // namespace console
