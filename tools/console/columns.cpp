#include "console/columns.hpp"

#include <algorithm>
#include <sstream>

namespace console {
namespace {

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xc0U) == 0x80U; }

}  // namespace

std::string padded(std::string_view text, std::size_t width) {
  const std::size_t used = display_width(text);
  return std::string(text) + std::string(used < width ? width - used : 0, ' ');
}

std::string fit(std::string_view text, std::size_t width) {
  if (display_width(text) <= width) return padded(text, width);
  if (width == 0) return {};
  std::size_t bytes = text.size();
  while (display_width(text.substr(0, bytes)) >= width) {
    do {
      --bytes;
    } while (bytes > 0 && is_continuation(text[bytes]));
  }
  return padded(std::string(text.substr(0, bytes)) + "…", width);
}

std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
  constexpr std::size_t kWideGap = 3;
  std::vector<std::string> lines(1);
  std::size_t used = 0;
  std::string gap;  // what stood before the word, unless a line begins with it
  text = text.substr(0, text.find_last_not_of(' ') + 1);
  while (!text.empty()) {
    const std::size_t spaces = text.find_first_not_of(' ');
    gap.assign(spaces, ' ');
    text.remove_prefix(spaces);
    const std::string_view word = text.substr(0, text.find(' '));
    const std::size_t needed = display_width(word);
    // before a wide gap the whole clause counts, so that formulas are cut between their parts
    const std::size_t together = spaces >= kWideGap ? display_width(text.substr(0, text.find("   "))) : needed;
    if (lines.back().empty()) {
      lines.back() = word;
      used = needed;
    } else if (used + gap.size() + together <= width) {
      lines.back().append(gap).append(word);
      used += gap.size() + needed;
    } else {
      lines.emplace_back(word);
      used = needed;
    }
    text.remove_prefix(word.size());
  }
  return lines;
}

std::string paragraph(std::string_view text, std::size_t indent, std::size_t width) {
  std::string result;
  for (const std::string& line : wrapped(text, width - std::min(indent, width - 1)))
    result += std::string(indent, ' ') + line + "\n";
  return result;
}

std::string reflowed(const std::string& text, std::size_t width) {
  constexpr std::size_t kBelow = 4;
  std::istringstream lines(text);
  std::string result;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t indent = std::min(line.find_first_not_of(' '), line.size());
    const std::size_t gap = indent > 0 ? line.find("   ", indent) : std::string::npos;
    if (display_width(line) <= width) {
      result += line + "\n";
    } else if (gap == std::string::npos) {
      result += paragraph(line, indent, width);
    } else {
      result += paragraph(line.substr(0, gap), indent, width) + paragraph(line.substr(gap), indent + kBelow, width);
    }
  }
  return result;
}

}  // namespace console
