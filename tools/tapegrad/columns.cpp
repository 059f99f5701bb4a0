#include "tapegrad/columns.hpp"

#include <algorithm>

namespace tapegrad::program {
namespace {

bool is_combining(char32_t c) { return (c >= 0x300 && c <= 0x36f) || (c >= 0x20d0 && c <= 0x20ff); }

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

std::size_t columns(std::string_view text) {
  const std::u32string characters = decoded(text);
  return characters.size() -
         static_cast<std::size_t>(std::count_if(characters.begin(), characters.end(), is_combining));
}

std::string padded(std::string_view text, std::size_t width) {
  const std::size_t used = columns(text);
  return std::string(text) + std::string(used < width ? width - used : 0, ' ');
}

std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
  std::vector<std::string> lines(1);
  std::size_t used = 0;
  std::string gap;  // what stood before the word, unless a line begins with it
  while (!text.empty()) {
    const std::size_t spaces = std::min(text.find_first_not_of(' '), text.size());
    gap.assign(spaces, ' ');
    text.remove_prefix(spaces);
    const std::string_view word = text.substr(0, text.find(' '));
    if (word.empty()) break;
    const std::size_t needed = columns(word);
    if (lines.back().empty()) {
      lines.back() = word;
      used = needed;
    } else if (used + gap.size() + needed <= width) {
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

}  // namespace tapegrad::program
