// How a lesson prints: numbered steps with readable formulas, and the numbers of a small example below them.
#pragma once

#include <fmt/format.h>
#include <tapegrad/base/readable_math.hpp>
#include <tapegrad/format.hpp>
#include <tapegrad/tape/tensor.hpp>

#include <string>
#include <string_view>

namespace lesson {

class Lesson {
 public:
  explicit Lesson(std::string_view title) { fmt::print("{}\n{:=<{}}\n", title, "", title.size()); }

  void section(std::string_view title) { fmt::print("\n{}\n{:-<{}}\n", title, "", title.size()); }

  /// A numbered step: what is done, the formula (LaTeX) and why it follows.
  void step(std::string_view what, std::string_view latex, std::string_view why) {
    fmt::print("\n{}. {}\n       {}\n   {}\n", ++steps_, what, tapegrad::readable_math(latex), why);
  }

  void say(std::string_view text) { fmt::print("\n{}\n", text); }

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
  int steps_ = 0;
};

}  // namespace lesson
