// How far the run is.
#pragma once

#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>

#include "console/live_line.hpp"

namespace tapegrad::program {

/// "████▌     42/120  layer_norm", at most `width` columns.
std::string progress_bar(std::size_t done, std::size_t of, std::string_view label, std::size_t width);

/// A live line of this. Not safe for use from several threads at once.
class Progress {
 public:
  explicit Progress(std::size_t of, std::FILE* out = stderr) : line_(out), of_(of) {}
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// One more is done.
  void advance(std::string_view label);
  /// Takes the bar away, so that a line can be printed.
  void clear() { line_.clear(); }

 private:
  console::LiveLine line_;
  std::size_t of_;
  std::size_t done_ = 0;
};

}  // namespace tapegrad::program
