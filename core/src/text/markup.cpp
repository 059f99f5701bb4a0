#include "text/markup.hpp"

#include "text/unicode.hpp"

namespace tapegrad {
namespace {

/// Whether XML can hold it.
bool is_xml(const Character& c) {
  const bool control = c.code < 0x20U && c.code != U'\n' && c.code != U'\r' && c.code != U'\t';
  return c.valid && !control && c.code != 0xfffe && c.code != 0xffff;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const Character c = first_character(text);
    const bool fits = is_xml(c);
    switch (c.code) {
      case U'&': result += "&amp;"; break;
      case U'<': result += "&lt;"; break;
      case U'>': result += "&gt;"; break;
      case U'"': result += "&quot;"; break;
      default: result += fits ? c.bytes : std::string_view("?");
    }
    text.remove_prefix(fits ? c.bytes.size() : 1);  // of what does not, each byte is one
  }
  return result;
}

}  // namespace tapegrad
