// What --help prints, as wide as the terminal. A header alone: the library does without CLI11, whose programs include
// it.
#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>
#include <string>
#include <utility>

#include "console/columns.hpp"

namespace console {

class HelpFormatter : public CLI::Formatter {
 public:
  explicit HelpFormatter(std::size_t width) : width_(width) {}

  std::string make_description(const CLI::App* app) const override {
    return reflowed(CLI::Formatter::make_description(app), width_);
  }
  std::string make_usage(const CLI::App* app, std::string name) const override {
    return reflowed(CLI::Formatter::make_usage(app, std::move(name)), width_);
  }
  std::string make_footer(const CLI::App* app) const override {
    return reflowed(CLI::Formatter::make_footer(app), width_);
  }
  std::string make_option(const CLI::Option* option, bool is_positional) const override {
    return entry(make_option_name(option, is_positional) + make_option_opts(option), make_option_desc(option));
  }
  std::string make_subcommand(const CLI::App* command) const override {
    return entry(command->get_display_name(true), command->get_description());
  }

 private:
  /// The description beside the name, or below where either is too long for that.
  std::string entry(const std::string& name, const std::string& description) const {
    constexpr std::size_t kIndent = 2;
    constexpr std::size_t kBelow = 6;
    constexpr std::size_t kColumn = 30;
    const bool wide = width_ >= 2 * kColumn;
    std::string text = paragraph(name, kIndent, width_);
    const std::string below = paragraph(description, wide ? kColumn : kBelow, width_);
    if (!wide || kIndent + display_width(name) >= kColumn) return text + below;
    text.pop_back();
    return text + below.substr(display_width(text));
  }

  std::size_t width_;
};

}  // namespace console
