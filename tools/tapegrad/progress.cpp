#include "tapegrad/progress.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "console/bar.hpp"
#include "console/columns.hpp"

namespace tapegrad::program {
namespace {

double share_of(std::size_t done, std::size_t of) {
  return of == 0 ? 1.0 : static_cast<double>(done) / static_cast<double>(of);
}

}  // namespace

std::string progress_bar(std::size_t done, std::size_t of, std::string_view label, std::size_t width) {
  constexpr std::size_t kSmallest = 8, kWidest = 40, kLabel = 24;
  const std::string count = fmt::format(" {}/{}", done, of);
  const std::size_t bar = std::clamp(width - std::min(width, count.size() + kLabel), kSmallest, kWidest);
  std::string text = console::bar(share_of(done, of), bar, " ") + count;
  if (console::display_width(text) + 2 + console::display_width(label) <= width) text.append("  ").append(label);
  return text;
}

void Progress::advance(std::string_view label) {
  constexpr std::size_t kMany = 10;  // of fewer, lines one under the other tell nothing
  ++done_;
  const auto drawn = [&](const console::Terminal& terminal) { return progress_bar(done_, of_, label, terminal.width); };
  if (of_ < kMany) return line_.draw(drawn);
  line_.show(share_of(done_, of_), drawn, [&] { return fmt::format("{}/{} {}", done_, of_, label); });
}

}  // namespace tapegrad::program
