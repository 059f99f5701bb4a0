#include "text/unicode.hpp"

#include <fmt/format.h>

#include <cstdint>

namespace tapegrad {

Character first_character(std::string_view text) {
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const bool ascii = byte(0) < 0x80U;
  const Character one{byte(0), text.substr(0, 1), ascii};
  const std::size_t length = byte(0) >= 0xf0U ? 4 : byte(0) >= 0xe0U ? 3 : 2;
  if (ascii || byte(0) < 0xc0U || byte(0) >= 0xf8U || length > text.size()) return one;
  char32_t c = byte(0) & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) c = (c << 6U) | (byte(i) & 0x3fU);
  const bool surrogate = c >= 0xd800 && c < 0xe000;
  std::string shortest;
  append_utf8(shortest, c);
  return c <= 0x10ffff && !surrogate && text.starts_with(shortest) ? Character{c, text.substr(0, length), true} : one;
}

std::u32string decoded(std::string_view text) {
  std::u32string characters;
  while (!text.empty()) {
    const Character c = first_character(text);
    characters.push_back(c.code);
    text.remove_prefix(c.bytes.size());
  }
  return characters;
}

bool is_combining(char32_t c) { return (c >= 0x300 && c <= 0x36f) || (c >= 0x20d0 && c <= 0x20ff); }

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
    const auto [c, bytes, valid] = first_character(name);
    if (c == U'\n') {
      line += "\\n";
    } else if (c == U'\t') {
      line += "\\t";
    } else if (!valid || c < 0x20 || (c >= 0x7f && c < 0xa0)) {
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
