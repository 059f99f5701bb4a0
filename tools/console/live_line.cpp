#include "console/live_line.hpp"

#include <fmt/format.h>

namespace console {

void LiveLine::show(double share, const Drawn& drawn, const Plain& plain) {
  constexpr auto kRedraw = std::chrono::milliseconds(100);
  if (live_) {
    if (!drawn_ || std::chrono::steady_clock::now() - last_ >= kRedraw) draw(drawn);
    return;
  }
  const int tenths = static_cast<int>(10.0 * share);
  if (tenths <= tenths_) return;
  tenths_ = tenths;
  fmt::print(out_, "{}\n", plain());
  std::fflush(out_);
}

void LiveLine::draw(const Drawn& drawn) {
  if (!live_) return;
  Terminal terminal = terminal_at(out_);
  --terminal.width;  // a full line would make some terminals wrap
  fmt::print(out_, "\r{}\x1b[K", drawn(terminal));
  std::fflush(out_);
  drawn_ = true;
  last_ = std::chrono::steady_clock::now();
}

void LiveLine::clear() {
  if (!drawn_) return;
  fmt::print(out_, "\r\x1b[K");
  std::fflush(out_);
  drawn_ = false;
}

void LiveLine::leave() {
  if (!drawn_) return;
  fmt::print(out_, "\n");
  std::fflush(out_);
  drawn_ = false;
}

}  // namespace console
