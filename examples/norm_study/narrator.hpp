// What the study says on the terminal while it works.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "norm_study/report.hpp"

namespace norm_study {

/// Prints to standard output, as wide as the terminal is at that moment. Colours only where they are wanted.
class Narrator {
 public:
  Narrator();

  std::size_t width() const;
  bool colour() const { return colour_; }
  /// Whether somebody watches: then lines that shall be seen one after the other come slowly.
  bool live() const { return live_; }

  void heading(std::string_view text) const;
  /// Text wrapped to the width.
  void say(std::string_view text) const;
  void line(std::string_view text) const;
  /// The verdict on a claim, as soon as it is known.
  void verdict(const Claim& claim) const;
  /// Waits a moment if somebody watches.
  void pause(int milliseconds) const;

 private:
  void indented(std::string_view text) const;

  bool colour_, live_;
};

}  // namespace norm_study
