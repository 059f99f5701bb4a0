#include "console/terminal.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

#include "text/unicode.hpp"

namespace console {
namespace {

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : value;
}

}  // namespace

std::string Terminal::painted(std::string_view text, Paint paint) const {
  constexpr std::array<std::string_view, 6> kCodes = {"", "1", "2", "32", "1;31", "33"};
  const std::string_view code = kCodes[static_cast<std::size_t>(paint)];
  return console::painted(text, code, coloured && !code.empty());
}

Terminal terminal_at(std::FILE* stream) {
  constexpr std::size_t kNarrowest = 20;
  Terminal terminal{.stream = stream};
  const std::string_view kind = environment("TERM");
  terminal.live = isatty(fileno(stream)) == 1 && !kind.empty() && kind != "dumb";
  terminal.coloured = terminal.live && environment("NO_COLOR").empty();
  winsize size{};
  if (ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    terminal.width = size.ws_col;
  } else {
    const std::string_view wanted = environment("COLUMNS");
    std::from_chars(wanted.data(), wanted.data() + wanted.size(), terminal.width);
  }
  terminal.width = std::max(terminal.width, kNarrowest);
  return terminal;
}

std::string painted(std::string_view text, std::string_view code, bool colour) {
  return colour ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
}

bool wrote_all(std::FILE* stream) { return std::fflush(stream) == 0 && std::ferror(stream) == 0; }

std::string printable(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const auto [c, bytes, valid] = tapegrad::first_character(text);
    const bool control = (c < 0x20 && c != U'\n' && c != U'\t') || (c >= 0x7f && c < 0xa0);
    result += !valid || control ? std::string_view("\ufffd") : bytes;
    text.remove_prefix(bytes.size());
  }
  return result;
}

void complain(std::string_view program, std::string_view message) {
  std::fputs(fmt::format("{}: {}\n", program, printable(message)).c_str(), stderr);
}

}  // namespace console
