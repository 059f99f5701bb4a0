// How far the run is: a bar that is redrawn on a terminal, a plain line for each tenth elsewhere.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "tapegrad/terminal.hpp"

namespace tapegrad::program {

/// "████▌     42/120  layer_norm", at most `width` columns.
std::string progress_bar(std::size_t done, std::size_t of, std::string_view label, std::size_t width);

/// Not safe for use from several threads at once.
class Progress {
 public:
  Progress(const Terminal& terminal, std::size_t of);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// One more is done. Redrawn twenty times a second at most.
  void advance(std::string_view label);
  /// Takes the bar away, so that a line can be printed.
  void clear();

 private:
  Terminal terminal_;
  std::size_t of_;
  std::size_t done_ = 0;
  std::size_t tenths_ = 0;  // plain lines printed
  bool drawn_ = false;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace tapegrad::program
