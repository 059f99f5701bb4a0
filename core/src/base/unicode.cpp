#include "base/unicode.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace tapegrad {

std::size_t character_length(std::string_view text) {
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80U) return 1;
  const std::size_t length = byte(0) >= 0xf0U ? 4 : byte(0) >= 0xe0U ? 3 : 2;
  if (byte(0) < 0xc0U || byte(0) >= 0xf8U || length > text.size()) return 0;
  char32_t c = byte(0) & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) c = (c << 6U) | (byte(i) & 0x3fU);
  const bool surrogate = c >= 0xd800 && c < 0xe000;
  std::string shortest;
  append_utf8(shortest, c);
  return c <= 0x10ffff && !surrogate && text.starts_with(shortest) ? length : 0;
}

std::u32string decoded(std::string_view text) {
  std::u32string characters;
  while (!text.empty()) {
    const std::size_t length = std::max<std::size_t>(character_length(text), 1);
    char32_t c = static_cast<unsigned char>(text[0]);
    if (length > 1) c &= 0x7fU >> length;
    for (std::size_t i = 1; i < length; ++i) c = (c << 6U) | (static_cast<unsigned char>(text[i]) & 0x3fU);
    characters.push_back(c);
    text.remove_prefix(length);
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
  while (!name.empty()) {
    const std::size_t length = character_length(name);
    const std::string_view bytes = name.substr(0, std::max<std::size_t>(length, 1));
    const char32_t c = decoded(bytes).front();
    if (c == U'\n') {
      line += "\\n";
    } else if (c == U'\t') {
      line += "\\t";
    } else if (length == 0 || c < 0x20 || (c >= 0x7f && c < 0xa0)) {
      line += fmt::format("\\x{:02x}", static_cast<std::uint32_t>(c));
    } else if (c == kLineSeparator || c == kParagraphSeparator) {
      line += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(c));
    } else {
      line += bytes;
    }
    name.remove_prefix(bytes.size());
  }
  return line;
}

}  // namespace tapegrad
