#include "tapegrad/page.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "console/columns.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/format.hpp"
#include "tapegrad/text/readable_math.hpp"

namespace tapegrad::program {
namespace {

using console::display_width;
using console::Paint;
using console::wrapped;

/// How a sample's inputs look: "[3, 4], [4] int64".
std::string shapes_of(std::span<const Tensor> inputs) {
  std::string text;
  for (const Tensor& x : inputs) {
    if (!text.empty()) text += ", ";
    if (!x.defined()) {
      text += "none";
    } else {
      text += fmt::format("{}", x.shape());
      if (x.dtype() != float64) text += fmt::format(" {}", to_string(x.dtype()));
    }
  }
  return text.empty() ? "no inputs" : text;
}

std::string expectation_of(const catalogue::SampleOptions& options) {
  std::string text = options.order == 2   ? "orders 1 and 2"
                     : options.order == 1 ? "order 1"
                                          : "not compared with differences";
  if (options.kink) text = "stands on a kink: order 1, within the slopes on both sides";
  if (!options.reason.empty() && options.reason != "a kink") text += fmt::format(": {}", options.reason);
  return text;
}

/// What the misuse is answered with, in full.
std::string answer_to(const catalogue::ErrorSample& error) {
  try {
    error.call();
  } catch (const Error& e) {
    return e.what();
  }
  return error.message;
}

}  // namespace

void Page::title(std::string_view name, std::string_view where) {
  constexpr std::string_view kGap = "  ";
  const bool fits = display_width(name) + kGap.size() + display_width(where) <= terminal_.width;
  const std::string lines = fmt::format("{}", fmt::join(wrapped(name, terminal_.width), "\n"));
  line(fmt::format("{}{}{}", terminal_.painted(lines, Paint::strong), fits ? kGap : "\n",
                   terminal_.painted(where, Paint::faint)));
}

void Page::heading(std::string_view text) {
  line("");
  line(terminal_.painted(text, Paint::strong));
}

void Page::line(std::string_view text) {
  text_ += text;
  text_ += '\n';
}

void Page::paragraph(std::string_view text, std::size_t indent) {
  for (const std::string& part : wrapped(text, terminal_.width - std::min(indent, terminal_.width / 2)))
    line(std::string(indent, ' ') + part);
}

void Page::table(std::vector<Column> columns, std::vector<std::vector<Cell>> rows) {
  for (const std::string& part : table_lines(std::move(columns), std::move(rows), terminal_)) line(part);
}

void Page::errors(const catalogue::ErrorSamples& all) {
  heading(all.empty() ? "Rejects nothing" : "Rejects");
  if (all.empty()) return;
  std::vector<std::vector<Cell>> rows;
  for (const catalogue::ErrorSample& error : all)
    rows.push_back({{"  " + error.name}, {answer_to(error), Paint::faint}});
  table({{"  misuse"}, {"message"}}, std::move(rows));
}

std::vector<Cell> Page::sample_row(const std::string& name, std::span<const Tensor> inputs,
                                   const catalogue::SampleOptions& options) {
  return {{"  " + name}, {shapes_of(inputs)}, {expectation_of(options), Paint::faint}};
}

}  // namespace tapegrad::program
