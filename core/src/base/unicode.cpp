#include "base/unicode.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace tapegrad {
namespace {

/// Bytes of the character that begins with this one.
std::size_t length_from(unsigned char first) {
  if (first >= 0xf0U) return 4;
  if (first >= 0xe0U) return 3;
  return first >= 0xc0U ? 2 : 1;
}

}  // namespace

std::u32string decoded(std::string_view text) {
  std::u32string characters;
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const std::size_t length = std::min(length_from(first), text.size() - i);
    char32_t c = length == 1 ? first : first & (0x7fU >> length);
    for (std::size_t k = 1; k < length; ++k) c = (c << 6U) | (static_cast<unsigned char>(text[i + k]) & 0x3fU);
    characters.push_back(c);
    i += length;
  }
  return characters;
}

void append_utf8(std::string& text, char32_t c) {
  const auto put = [&text](char32_t byte) { text.push_back(static_cast<char>(byte)); };
  const auto tail = [&](unsigned shift) { put(0x80U | ((c >> shift) & 0x3fU)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0U | (c >> 6U));
    tail(0);
  } else if (c < 0x10000) {
    put(0xe0U | (c >> 12U));
    tail(6);
    tail(0);
  } else {
    put(0xf0U | (c >> 18U));
    tail(12);
    tail(6);
    tail(0);
  }
}

std::string on_one_line(std::string_view name) {
  constexpr char32_t kLineSeparator = 0x2028, kParagraphSeparator = 0x2029;
  std::string line;
  for (std::size_t i = 0; i < name.size();) {
    const auto first = static_cast<unsigned char>(name[i]);
    const std::string_view bytes = name.substr(i, length_from(first));
    const char32_t c = decoded(bytes).front();
    if (c == U'\n') {
      line += "\\n";
    } else if (c == U'\t') {
      line += "\\t";
    } else if (c < 0x20 || (c >= 0x7f && c < 0xa0 && (bytes.size() > 1 || first == 0x7fU))) {
      line += fmt::format("\\x{:02x}", static_cast<std::uint32_t>(c));
    } else if (c == kLineSeparator || c == kParagraphSeparator) {
      line += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(c));
    } else {
      line += bytes;
    }
    i += bytes.size();
  }
  return line;
}

}  // namespace tapegrad
