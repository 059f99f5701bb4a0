#include "console/terminal.hpp"

#include <fmt/format.h>

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>

namespace console {
namespace {

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xc0U) == 0x80U; }

}  // namespace

bool is_terminal(std::FILE* stream) {
  const char* term = std::getenv("TERM");
  return isatty(fileno(stream)) == 1 && term != nullptr && std::string_view(term) != "dumb";
}

bool wants_colour(std::FILE* stream) {
  const char* no_colour = std::getenv("NO_COLOR");
  return is_terminal(stream) && (no_colour == nullptr || *no_colour == '\0');
}

int terminal_width(std::FILE* stream, int otherwise) {
  winsize size{};
  if (ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  const char* const wanted = std::getenv("COLUMNS");
  int columns = otherwise;
  if (wanted != nullptr) std::from_chars(wanted, wanted + std::strlen(wanted), columns);
  return std::max(columns, 20);
}

bool wrote_all(std::FILE* stream) { return std::fflush(stream) == 0 && std::ferror(stream) == 0; }

std::string painted(std::string_view text, std::string_view code, bool colour) {
  return colour ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
}

std::vector<std::string> wrap(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  std::size_t used = 0;
  while (!text.empty()) {
    const std::size_t start = text.find_first_not_of(' ');
    if (start == std::string_view::npos) break;
    text.remove_prefix(start);
    const std::string_view word = text.substr(0, text.find(' '));
    const std::size_t columns = display_width(word);
    if (lines.empty() || used + start + columns > width) {
      lines.emplace_back(word);
      used = columns;
    } else {
      lines.back().append(start, ' ').append(word);
      used += start + columns;
    }
    text.remove_prefix(word.size());
  }
  return lines;
}

std::string fit(std::string_view text, std::size_t width) {
  const std::size_t columns = display_width(text);
  if (columns <= width) return std::string(text) + std::string(width - columns, ' ');
  if (width == 0) return {};
  std::size_t bytes = 0, kept = 0;
  while (kept + 1 < width || is_continuation(text[bytes])) {
    if (!is_continuation(text[bytes])) ++kept;
    ++bytes;
  }
  return std::string(text.substr(0, bytes)) + "…";
}

}  // namespace console
