#include "console/bar.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace console {

std::string bar(double share, std::size_t columns, std::string_view rest) {
  constexpr std::array<std::string_view, 8> kEighths{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const double reach = (share > 0.0 ? std::min(share, 1.0) : 0.0) * static_cast<double>(columns);
  const auto eighths = static_cast<std::size_t>(std::floor(8.0 * reach));
  std::string text;
  for (std::size_t i = 0; i < eighths / 8; ++i) text += "█";
  text += kEighths[eighths % 8];
  for (std::size_t used = (eighths + 7) / 8; used < columns; ++used) text += rest;
  return text;
}

}  // namespace console
