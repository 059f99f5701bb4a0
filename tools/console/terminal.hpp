// Where lines go: a terminal that is redrawn and coloured, or a file or pipe that is neither.
#pragma once

#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>

namespace console {

/// Colours of the 16 that every terminal has.
enum class Paint : unsigned char { plain, strong, faint, good, bad, doubtful };

struct Terminal {
  std::FILE* stream = stdout;
  bool live = false;        ///< lines can be redrawn
  bool coloured = false;    ///< live, and NO_COLOR (no-color.org) is unset or empty
  std::size_t width = 100;  ///< columns

  std::string painted(std::string_view text, Paint paint) const;
};

/// What is known of the stream now: a terminal may be resized at any time. Without one (TERM may say "dumb") the width
/// is COLUMNS', or 100. The width is 20 at least.
Terminal terminal_at(std::FILE* stream);

/// Text in a colour or weight, "1;33" being bold yellow; as it is where no colours are wanted.
std::string painted(std::string_view text, std::string_view code, bool colour);

/// Whether everything printed has arrived: a disk may be full.
bool wrote_all(std::FILE* stream);

/// Text in which nothing commands a terminal: control characters other than line ends and tabs, and bytes that are no
/// UTF-8, become U+FFFD. For what stands in a file that somebody else has written.
std::string printable(std::string_view text);

/// "program: message" on the error stream, printable. Where that cannot be written, nobody is left to be told: no
/// error.
void complain(std::string_view program, std::string_view message);

}  // namespace console
