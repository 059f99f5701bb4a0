#include "norm_study/charts.hpp"

#include "norm_study/svg.hpp"

namespace norm_study {

std::string escape(std::string_view plain) {
  std::string out;
  out.reserve(plain.size());
  for (const char c : plain) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') {
          out += "\xef\xbf\xbd";
        } else {
          out += c;
        }
    }
  }
  return out;
}

std::string render_svg(const Chart& chart, std::string_view id) {
  return std::visit([&](const auto& c) { return svg::render(c, id); }, chart);
}

}  // namespace norm_study
