#include "base/markup.hpp"

#include <algorithm>
#include <cstddef>

#include "base/unicode.hpp"

namespace tapegrad {
namespace {

/// Bytes of the character that XML can hold and the text begins with; 0 where it begins with none.
std::size_t length_of_character(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  if (first < 0x80U) return first < 0x20U && first != '\n' && first != '\r' && first != '\t' ? 0 : 1;
  if (first < 0xc0U || first >= 0xf8U) return 0;
  const std::size_t length = first >= 0xf0U ? 4 : first >= 0xe0U ? 3 : 2;
  const char32_t c = decoded(text.substr(0, length)).front();
  std::string again;
  append_utf8(again, c);
  const bool is_surrogate = c >= 0xd800 && c < 0xe000;
  if (is_surrogate || c == 0xfffe || c == 0xffff || c > 0x10ffff) return 0;
  return text.substr(0, length) == again ? length : 0;  // of the shortest form, and whole
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const std::size_t length = length_of_character(text);
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
