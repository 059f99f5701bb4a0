#include "base/markup.hpp"

namespace tapegrad {

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&': result += "&amp;"; break;
      case '<': result += "&lt;"; break;
      case '>': result += "&gt;"; break;
      case '"': result += "&quot;"; break;
      case '\n':
      case '\r':
      case '\t': result += c; break;
      default: result += static_cast<unsigned char>(c) < 0x20U ? '?' : c;
    }
  }
  return result;
}

}  // namespace tapegrad
