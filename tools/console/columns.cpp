#include "console/columns.hpp"

#include <algorithm>
#include <sstream>

#include "text/unicode.hpp"
#include "text/wrapping.hpp"

namespace console {

std::string padded(std::string_view text, std::size_t width) {
  const std::size_t used = display_width(text);
  return std::string(text) + std::string(used < width ? width - used : 0, ' ');
}

std::string fit(std::string_view text, std::size_t width) {
  if (display_width(text) <= width) return padded(text, width);
  if (width == 0) return {};
  std::size_t kept = 0;  // bytes of whole characters that leave a column for the ellipsis
  for (std::size_t next = 0; display_width(text.substr(0, next)) < width;
       next += tapegrad::first_character(text.substr(next)).bytes.size())
    kept = next;
  return padded(std::string(text.substr(0, kept)) + "…", width);
}

std::vector<std::string> wrapped(std::string_view text, std::size_t width) { return tapegrad::wrapped(text, width); }

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
