#include "tapegrad/table.hpp"

#include <algorithm>
#include <iterator>
#include <numeric>

#include "console/columns.hpp"
#include "tapegrad/text/readable_math.hpp"

namespace tapegrad::program {
namespace {

using console::display_width;
using console::Paint;
using console::Terminal;
using console::wrapped;

constexpr std::size_t kGap = 2;

/// Of each column: the largest that `measure` finds of its heading and cells.
template <class Measure>
std::vector<std::size_t> widths_of(const std::vector<Column>& heads, const std::vector<std::vector<Cell>>& rows,
                                   const Measure& measure) {
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < heads.size(); ++c) {
    std::size_t width = measure(heads[c].heading);
    for (const auto& row : rows) width = std::max(width, measure(row[c].text));
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

std::size_t indent_of(const std::string& text) { return std::min(text.find_first_not_of(' '), text.size()); }

/// A column cannot be narrower than its longest word.
std::size_t longest_word(const std::string& text) {
  constexpr std::size_t kWords = 1;  // as narrow as wrapped() can make it
  std::size_t longest = 0;
  for (const std::string& word : wrapped(text, kWords)) longest = std::max(longest, display_width(word));
  return indent_of(text) + longest;
}

/// Takes columns from the widest, and of equals from the last, until all fit or none can give.
void narrow(std::vector<std::size_t>& widths, const std::vector<std::size_t>& least, std::size_t columns) {
  while (sum(widths) > columns) {
    std::size_t widest = widths.size();
    for (std::size_t c = 0; c < widths.size(); ++c)
      if (widths[c] > least[c] && (widest == widths.size() || widths[c] >= widths[widest])) widest = c;
    if (widest == widths.size()) return;
    --widths[widest];
  }
}

/// Spaces on one side, colours inside: they take no columns.
std::string cell(const Terminal& terminal, const std::string& text, Paint paint, std::size_t width, bool to_the_right) {
  const std::string spaces(width - std::min(width, display_width(text)), ' ');
  return to_the_right ? spaces + terminal.painted(text, paint) : terminal.painted(text, paint) + spaces;
}

void append_row(std::vector<std::string>& lines, const std::vector<Column>& heads, const std::vector<Cell>& row,
                const std::vector<std::size_t>& widths, const Terminal& terminal) {
  std::vector<std::vector<std::string>> pieces;
  std::size_t height = 1;
  for (std::size_t c = 0; c < row.size(); ++c) {
    const std::size_t indent = indent_of(row[c].text);
    pieces.push_back(wrapped(row[c].text, widths[c] - std::min(indent, widths[c])));
    for (std::string& piece : pieces.back()) piece.insert(0, indent, ' ');
    height = std::max(height, pieces.back().size());
  }
  for (std::size_t k = 0; k < height; ++k) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c) {
      line += c == 0 ? "" : std::string(kGap, ' ');
      line += k < pieces[c].size() ? cell(terminal, pieces[c][k], row[c].paint, widths[c], heads[c].to_the_right)
                                   : std::string(widths[c], ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    lines.push_back(std::move(line));
  }
}

/// A row whose last cell stands below the others, as wide as the terminal.
void append_with_last_below(std::vector<std::string>& lines, const std::vector<Column>& heads,
                            const std::vector<Cell>& row, const std::vector<std::size_t>& widths,
                            const Terminal& terminal) {
  constexpr std::size_t kIndent = 2;
  append_row(lines, heads, {row.begin(), row.end() - 1}, widths, terminal);
  const Cell& last = row.back();
  const std::size_t indent = indent_of(last.text) + kIndent;
  for (const std::string& piece : wrapped(last.text, terminal.width - std::min(indent, terminal.width / 2)))
    lines.push_back(std::string(indent, ' ') + terminal.painted(piece, last.paint));
}

}  // namespace

std::vector<std::string> table_lines(std::vector<Column> heads, std::vector<std::vector<Cell>> rows,
                                     const Terminal& terminal) {
  std::vector<std::size_t> widths = widths_of(heads, rows, [](const std::string& text) { return display_width(text); });
  const auto leave_out = [&](bool Column::*may_go, const auto& fits) {
    for (std::size_t c = heads.size(); c-- > 0 && !fits();) {
      if (!(heads[c].*may_go)) continue;
      const auto at = static_cast<std::ptrdiff_t>(c);
      heads.erase(heads.begin() + at);
      widths.erase(widths.begin() + at);
      for (auto& row : rows) row.erase(row.begin() + at);
    }
  };
  leave_out(&Column::optional, [&] { return least_sum(widths) <= terminal.width; });
  leave_out(&Column::spare, [&] { return sum(widths_of(heads, rows, longest_word)) <= terminal.width; });
  std::vector<std::size_t> least = widths_of(heads, rows, longest_word);
  const bool last_below =
      least.size() > 1 && sum(least) > terminal.width && sum(least) - least.back() - kGap <= terminal.width;
  if (last_below) {
    widths.pop_back();
    least.pop_back();
  }
  narrow(widths, least, terminal.width);
  std::vector<std::string> lines;
  std::vector<Cell> headings;
  std::transform(heads.begin(), heads.end(), std::back_inserter(headings), [](const Column& c) {
    return Cell{c.heading, Paint::faint};
  });
  const auto append = last_below ? append_with_last_below : append_row;
  append(lines, heads, headings, widths, terminal);
  for (const auto& row : rows) append(lines, heads, row, widths, terminal);
  return lines;
}

}  // namespace tapegrad::program
