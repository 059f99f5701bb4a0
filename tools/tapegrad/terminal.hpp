// Where lines go: a terminal that is redrawn and coloured, or a file or pipe that is neither.
#pragma once

#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>

namespace tapegrad::program {

/// Colours of the 16 that every terminal has.
enum class Paint : unsigned char { plain, strong, faint, good, bad, doubtful };

struct Terminal {
  std::FILE* stream = stdout;
  bool live = false;        ///< lines can be redrawn
  bool coloured = false;    ///< live, and NO_COLOR (no-color.org) is unset or empty
  std::size_t width = 100;  ///< columns

  std::string painted(std::string_view text, Paint paint) const;
};

/// What is known of the stream now. Without a terminal the width is COLUMNS', or 100.
Terminal terminal_at(std::FILE* stream);

}  // namespace tapegrad::program
