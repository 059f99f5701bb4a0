#include "tapegrad/table.hpp"

#include <algorithm>
#include <iterator>
#include <numeric>

#include "tapegrad/base/readable_math.hpp"
#include "tapegrad/columns.hpp"

namespace tapegrad::program {
namespace {

constexpr std::size_t kGap = 2;

std::vector<std::size_t> widths_of(const std::vector<Column>& heads, const std::vector<std::vector<Cell>>& rows) {
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < heads.size(); ++c) {
    std::size_t width = display_width(heads[c].heading);
    for (const auto& row : rows) width = std::max(width, display_width(row[c].text));
    widths.push_back(width);
  }
  return widths;
}

std::size_t sum(const std::vector<std::size_t>& widths) {
  return std::accumulate(widths.begin(), widths.end(), kGap * (widths.size() - 1));
}

/// The last column may be wrapped to this.
std::size_t least_sum(const std::vector<std::size_t>& widths) {
  constexpr std::size_t kComfortable = 48;
  return sum(widths) - widths.back() + std::min(widths.back(), kComfortable);
}

/// Spaces on one side, colours inside: they take no columns.
std::string cell(const Terminal& terminal, const std::string& text, Paint paint, std::size_t width, bool to_the_right) {
  const std::string spaces(width - std::min(width, display_width(text)), ' ');
  return to_the_right ? spaces + terminal.painted(text, paint) : terminal.painted(text, paint) + spaces;
}

void append_row(std::vector<std::string>& lines, const std::vector<Column>& heads, const std::vector<Cell>& row,
                const std::vector<std::size_t>& widths, const Terminal& terminal) {
  const std::size_t last = heads.size() - 1;
  std::string line;
  for (std::size_t c = 0; c < last; ++c)
    line += cell(terminal, row[c].text, row[c].paint, widths[c], heads[c].to_the_right) + std::string(kGap, ' ');
  const std::string indent(sum(widths) - widths[last], ' ');
  bool first = true;
  for (const std::string& piece : wrapped(row[last].text, widths[last])) {
    std::string whole =
        (first ? line : indent) + (heads[last].to_the_right ? cell(terminal, piece, row[last].paint, widths[last], true)
                                                            : terminal.painted(piece, row[last].paint));
    whole.erase(whole.find_last_not_of(' ') + 1);
    lines.push_back(std::move(whole));
    first = false;
  }
}

}  // namespace

std::vector<std::string> table_lines(std::vector<Column> heads, std::vector<std::vector<Cell>> rows,
                                     const Terminal& terminal) {
  std::vector<std::size_t> widths = widths_of(heads, rows);
  for (std::size_t c = heads.size(); c-- > 0 && least_sum(widths) > terminal.width;) {
    if (!heads[c].optional) continue;
    const auto at = static_cast<std::ptrdiff_t>(c);
    heads.erase(heads.begin() + at);
    widths.erase(widths.begin() + at);
    for (auto& row : rows) row.erase(row.begin() + at);
  }
  constexpr std::size_t kNarrowest = 12;
  if (const std::size_t all = sum(widths); all > terminal.width) {
    const std::size_t others = all - widths.back();
    widths.back() = std::max(kNarrowest, terminal.width - std::min(others, terminal.width));
  }
  std::vector<std::string> lines;
  std::vector<Cell> headings;
  std::transform(heads.begin(), heads.end(), std::back_inserter(headings), [](const Column& c) {
    return Cell{c.heading, Paint::faint};
  });
  append_row(lines, heads, headings, widths, terminal);
  for (const auto& row : rows) append_row(lines, heads, row, widths, terminal);
  return lines;
}

}  // namespace tapegrad::program
