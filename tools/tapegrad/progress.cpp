#include "tapegrad/progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tapegrad/base/readable_math.hpp"
#include "tapegrad/columns.hpp"

namespace tapegrad::program {

std::string progress_bar(std::size_t done, std::size_t of, std::string_view label, std::size_t width) {
  constexpr std::size_t kWidest = 40;
  constexpr std::array<std::string_view, 8> kEighths = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const std::string count = fmt::format(" {}/{}", done, of);
  const std::size_t bar = std::min(kWidest, width > count.size() + 24 ? width - count.size() - 24 : std::size_t{8});
  const std::size_t eighths = of == 0 ? 8 * bar : done * 8 * bar / of;
  std::string text;
  for (std::size_t i = 0; i < eighths / 8; ++i) text += "█";
  text += kEighths[eighths % 8];
  text = padded(text, bar) + count;
  const std::size_t room = width - std::min(width, display_width(text) + 2);
  if (room >= label.size()) text.append("  ").append(label);
  return text;
}

Progress::Progress(const Terminal& terminal, std::size_t of) : terminal_(terminal), of_(of) {}

Progress::~Progress() { clear(); }

void Progress::advance(std::string_view label) {
  ++done_;
  if (!terminal_.live) {
    if (const std::size_t tenths = 10 * done_ / of_; of_ >= 10 && tenths > tenths_) {
      tenths_ = tenths;
      fmt::print(terminal_.stream, "{}/{} {}\n", done_, of_, label);
      std::fflush(terminal_.stream);
    }
    return;
  }
  const auto now = std::chrono::steady_clock::now();
  if (now - last_ < std::chrono::milliseconds(50)) return;
  last_ = now;
  drawn_ = true;
  const std::size_t width = terminal_at(terminal_.stream).width;  // it may have been resized
  fmt::print(terminal_.stream, "\r\033[K{}", progress_bar(done_, of_, label, width - 1));
  std::fflush(terminal_.stream);
}

void Progress::clear() {
  if (!drawn_) return;
  fmt::print(terminal_.stream, "\r\033[K");
  std::fflush(terminal_.stream);
  drawn_ = false;
}

}  // namespace tapegrad::program
