// How a lesson prints: numbered steps with readable formulas, and the numbers of a small example below them; as wide as
// the terminal is, up to a hundred columns.
#pragma once

#include <fmt/format.h>
#include <tapegrad/base/readable_math.hpp>
#include <tapegrad/format.hpp>
#include <tapegrad/tape/tensor.hpp>

#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>

#include "console/terminal.hpp"

namespace lesson {

class Lesson {
 public:
  explicit Lesson(std::string_view title) { fmt::print("{}\n{:=<{}}\n", title, "", title.size()); }

  void section(std::string_view title) { fmt::print("\n{}\n{:-<{}}\n", title, "", title.size()); }

  /// A numbered step: what is done, the formula (LaTeX) and why it follows.
  void step(std::string_view what, std::string_view latex, std::string_view why) {
    fmt::print("\n");
    print(fmt::format("{}. ", ++steps_), what);
    formula(latex);
    print("   ", why);
  }

  void formula(std::string_view latex) { print("       ", tapegrad::readable_math(latex)); }

  void say(std::string_view text) {
    fmt::print("\n");
    print("", text);
  }

  /// "   name = [[...],", its rows below each other.
  void show(std::string_view name, const tapegrad::Tensor& value) {
    const std::string head = fmt::format("   {} = ", tapegrad::readable_math(name));
    std::string text = to_string(value);
    const std::string indent = "\n" + std::string(tapegrad::display_width(head), ' ');
    for (std::size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at + indent.size()))
      text.replace(at, 1, indent);
    fmt::print("{}{}\n", head, text);
  }

 private:
  /// `text` behind `head`, its further lines below its first.
  void print(std::string_view head, std::string_view text) {
    std::string margin(head);
    const std::size_t indent = margin.size();
    const auto width = static_cast<std::size_t>(std::clamp(console::terminal_width(stdout, kWidest), 20, kWidest));
    for (const std::string& line : console::wrap(text, width - indent)) {
      fmt::print("{}{}\n", margin, line);
      margin.assign(indent, ' ');
    }
  }

  static constexpr int kWidest = 100;
  int steps_ = 0;
};

}  // namespace lesson
