// A line that says how far some work is.
#pragma once

#include <chrono>
#include <cstdio>
#include <functional>
#include <string>

#include "console/terminal.hpp"

namespace console {

/// On a terminal the line is drawn over itself, ten times a second at most and as wide as the terminal is at that
/// moment; elsewhere a plain line is printed for each tenth of the work. The cursor is never hidden, so nothing has to
/// be restored after a crash or a kill. Not safe for use from several threads at once.
class LiveLine {
 public:
  /// What is drawn, without a newline and no wider than this terminal.
  using Drawn = std::function<std::string(const Terminal&)>;
  using Plain = std::function<std::string()>;

  explicit LiveLine(std::FILE* out) : out_(out), live_(terminal_at(out).live) {}

  /// The work is at `share`, 0 to 1: shows one or the other, if it is time.
  void show(double share, const Drawn& drawn, const Plain& plain);
  /// Draws at once; nothing where there is no terminal.
  void draw(const Drawn& drawn);
  /// Takes the line away, so that other text can be printed; the next show() draws it again.
  void clear();
  /// Leaves the line as it is: what is printed next stands below.
  void leave();

 private:
  std::FILE* out_;
  bool live_;
  bool drawn_ = false;
  int tenths_ = 0;  // plain lines printed
  std::chrono::steady_clock::time_point last_;
};

}  // namespace console
