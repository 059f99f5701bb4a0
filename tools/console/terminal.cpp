#include "console/terminal.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

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
  const auto byte = [text](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool of_two = byte(i) == 0xc2U && byte(i + 1) >= 0x80U && byte(i + 1) < 0xa0U;  // U+0080 to U+009F
    const bool of_one = (byte(i) < 0x20U && text[i] != '\n' && text[i] != '\t') || byte(i) == 0x7fU;
    if (of_one || of_two) {
      result += "\ufffd";
    } else {
      result += text[i];
    }
    if (of_two) ++i;
  }
  return result;
}

void complain(std::string_view program, std::string_view message) {
  std::fputs(fmt::format("{}: {}\n", program, printable(message)).c_str(), stderr);
}

}  // namespace console
