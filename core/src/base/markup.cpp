#include "base/markup.hpp"

#include <algorithm>
#include <cstddef>

#include "base/unicode.hpp"

namespace tapegrad {
namespace {

/// Bytes of the character that XML can hold and the text begins with; 0 where it begins with none.
std::size_t length_of_xml_character(std::string_view text) {
  const std::size_t length = character_length(text);
  if (length == 0) return 0;
  const char32_t c = decoded(text.substr(0, length)).front();
  const bool control = c < 0x20U && c != U'\n' && c != U'\r' && c != U'\t';
  return control || c == 0xfffe || c == 0xffff ? 0 : length;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const std::size_t length = length_of_xml_character(text);
    switch (length == 0 ? '?' : text.front()) {
      case '&': result += "&amp;"; break;
      case '<': result += "&lt;"; break;
      case '>': result += "&gt;"; break;
      case '"': result += "&quot;"; break;
      default: result += length == 0 ? std::string_view("?") : text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return result;
}

}  // namespace tapegrad
