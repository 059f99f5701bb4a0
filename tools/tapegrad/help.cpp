#include "tapegrad/help.hpp"

#include <utility>

#include "console/columns.hpp"
#include "tapegrad/text/readable_math.hpp"

namespace tapegrad::program {

std::string HelpFormatter::make_description(const CLI::App* app) const {
  return console::reflowed(CLI::Formatter::make_description(app), width_);
}

std::string HelpFormatter::make_usage(const CLI::App* app, std::string name) const {
  return console::reflowed(CLI::Formatter::make_usage(app, std::move(name)), width_);
}

std::string HelpFormatter::make_footer(const CLI::App* app) const {
  return console::reflowed(CLI::Formatter::make_footer(app), width_);
}

std::string HelpFormatter::make_option(const CLI::Option* option, bool is_positional) const {
  return entry(make_option_name(option, is_positional) + make_option_opts(option), make_option_desc(option));
}

std::string HelpFormatter::make_subcommand(const CLI::App* command) const {
  return entry(command->get_display_name(true), command->get_description());
}

/// The description beside the name, or below where either is too long for that.
std::string HelpFormatter::entry(const std::string& name, const std::string& description) const {
  constexpr std::size_t kIndent = 2;
  constexpr std::size_t kBelow = 6;
  constexpr std::size_t kColumn = 30;
  const bool wide = width_ >= 2 * kColumn;
  std::string text = console::paragraph(name, kIndent, width_);
  const std::string below = console::paragraph(description, wide ? kColumn : kBelow, width_);
  if (!wide || kIndent + console::display_width(name) >= kColumn) return text + below;
  text.pop_back();
  return text + below.substr(console::display_width(text));
}

}  // namespace tapegrad::program
