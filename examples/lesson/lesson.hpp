// How a lesson prints: numbered steps with readable formulas, and the numbers of a small example below them; as wide as
// the terminal is, up to a hundred columns.
#pragma once

#include <fmt/format.h>
#include <tapegrad/format.hpp>
#include <tapegrad/tape/tensor.hpp>
#include <tapegrad/text/readable_math.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>

#include "console/columns.hpp"
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

  /// A remark below the numbers.
  void remark(std::string_view text) { print("   ", text); }

  /// "   name = [[...],", its rows below each other.
  void show(std::string_view name, const tapegrad::Tensor& value) {
    const std::string head = fmt::format("   {} = ", tapegrad::readable_math(name));
    std::string text = to_string(tapegrad::is_floating(value.dtype()) ? value + 0.0 : value);  // -0 becomes 0
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
    const std::size_t width = std::min(console::terminal_at(stdout).width, kWidest);
    for (const std::string& line : console::wrapped(text, width - indent)) {
      fmt::print("{}{}\n", margin, line);
      margin.assign(indent, ' ');
    }
  }

  static constexpr std::size_t kWidest = 100;
  int steps_ = 0;
};

/// A lesson's main: exit code 0 if `teach` is true, 1 if not or if something goes wrong. A lesson takes no arguments:
/// with any it prints its usage instead, and the code is 2 unless help was asked for.
inline int run(int argc, char** argv, std::string_view name, bool (*teach)()) {
  try {
    if (argc > 1) {
      const bool help = argc == 2 && (argv[1] == std::string_view("--help") || argv[1] == std::string_view("-h"));
      fmt::print(help ? stdout : stderr, "usage: {} (no arguments; it prints a lesson)\n", name);
      return help ? 0 : 2;
    }
    return teach() && console::wrote_all(stdout) ? 0 : 1;
  } catch (const std::exception& error) {  // a full disk
    fmt::print(stderr, "{}: {}\n", name, error.what());
    return 1;
  }
}

}  // namespace lesson
