// How a tape prints.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <ostream>
#include <set>

#include "tape/node_text.hpp"
#include "tapegrad/text/readable_math.hpp"
#include "text/unicode.hpp"

namespace tapegrad {
namespace {

constexpr std::size_t kTapeColumns = 100;
constexpr std::size_t kWidestCall = 50;    // a longer one pushes the rest of its row
constexpr std::size_t kWidestValue = 44;   // a wider one has its cotangent below it
constexpr std::int64_t kMostNodes = 1000;  // of a longer tape the first and last nodes are shown
constexpr std::int64_t kEnds = 50;

std::string bytes_text(std::size_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  const double kib = static_cast<double>(bytes) / 1024.0;
  return kib < 1024.0 ? fmt::format("{:.1f} KiB", kib) : fmt::format("{:.1f} MiB", kib / 1024.0);
}

/// "keeps inputs 0, 1, output: 96 B; input 2 comes again".
std::string kept_text(const NodeInfo& n) {
  std::string again;
  for (const int i : n.recomputed) again += fmt::format("{}input {} comes again", again.empty() ? "" : ", ", i);
  if (n.op == "leaf" || n.kept.empty()) return again;
  std::vector<std::pair<std::string, std::vector<std::string>>> kinds;  // "input" and its indices
  std::size_t bytes = 0;
  for (const NodeInfo::Kept& k : n.kept) {
    const std::size_t space = std::min(k.what.find(' '), k.what.size());
    const std::string kind = k.what.substr(0, space);
    if (kinds.empty() || kinds.back().first != kind) kinds.push_back({kind, {}});
    if (space < k.what.size()) kinds.back().second.push_back(k.what.substr(space + 1));
    bytes += k.bytes;
  }
  std::vector<std::string> parts;
  for (const auto& [kind, indices] : kinds)
    parts.push_back(
        indices.empty() ? kind : fmt::format("{}{} {}", kind, indices.size() > 1 ? "s" : "", fmt::join(indices, ", ")));
  return fmt::format("keeps {}: {}{}{}", fmt::join(parts, ", "), bytes_text(bytes), again.empty() ? "" : "; ", again);
}

void trim_end(std::string& line) { line.erase(line.find_last_not_of(' ') + 1); }

/// A value, and its cotangent beside it from `column` on, or below it where there is no room.
void append(std::string& text, const Studied& output, std::size_t indent, std::size_t column) {
  const bool beside = width_of(output.value) < column && indent + column + width_of(output.cotangent) <= kTapeColumns;
  const std::size_t rows = beside ? std::max(output.value.size(), output.cotangent.size()) : output.value.size();
  for (std::size_t i = 0; i < rows; ++i) {
    std::string line(indent, ' ');
    const std::string left = i < output.value.size() ? output.value[i] : "";
    const std::string right = beside && i < output.cotangent.size() ? output.cotangent[i] : "";
    line += fmt::format("{:<{}}{}", left, column, right);
    trim_end(line);
    text += line + "\n";
  }
  if (beside) return;
  for (const std::string& line : output.cotangent) text += std::string(indent, ' ') + line + "\n";
}

/// A rule that is too long for its line goes on in the next, after a comma or a semicolon.
void append_rule(std::string& text, const std::string& rule, std::size_t indent) {
  std::size_t width = indent;
  for (std::string_view rest = rule; !rest.empty();) {
    std::size_t depth = 0;
    std::size_t end = 0;
    for (; end < rest.size(); ++end) {
      const char c = rest[end];
      if (c == '(' || c == '[' || c == '{') ++depth;
      if ((c == ')' || c == ']' || c == '}') && depth > 0) --depth;
      if (depth == 0 && (c == ',' || c == ';')) break;
    }
    end = std::min(rest.find_first_not_of(' ', std::min(end + 1, rest.size())), rest.size());
    const std::string_view part = rest.substr(0, end);
    std::string visible(part);
    trim_end(visible);
    if (width > indent && width + display_width(visible) > kTapeColumns) {
      trim_end(text);
      text += "\n" + std::string(indent, ' ');
      width = indent;
    }
    text += part;
    width += display_width(part);
    rest.remove_prefix(end);
  }
  trim_end(text);
  text += "\n";
}

/// Ops that have a formula, in the order in which they first come, and their formulas.
using Rules = std::vector<std::pair<std::string_view, std::string>>;

void append_rules(std::string& text, const Rules& rules) {
  if (rules.empty()) return;
  std::size_t width = 0;
  for (const auto& [op, rule] : rules) width = std::max(width, op.size());
  text += "rules (x̄ is the cotangent of x: ∂L/∂x; `tapegrad ops NAME` explains the rest)\n";
  for (const auto& [op, rule] : rules) {
    text += fmt::format("  {:<{}}  ", op, width);
    append_rule(text, rule, width + 4);
  }
}

/// A node as it is printed, but for the widths of the columns.
struct Row {
  std::string name, call, shapes, kept, scope;
  std::vector<Studied> tensors;
};

Row row_of(const NodeInfo& n) {
  return {.name = fmt::format("%{}", n.position),
          .call = call_text(n),
          .shapes = shapes_text(n),
          .kept = kept_text(n),
          .scope = n.scope,
          .tensors = studied(n)};
}

/// What is printed of a tape.
struct Table {
  std::vector<Row> rows;
  std::int64_t left_out = 0;  // behind the first kEnds rows
  Rules rules;
  std::size_t bytes_kept = 0;  // what several nodes keep counted for each of them
};

Table table_of(const Tape& tape) {
  Table table;
  table.left_out = tape.size() > kMostNodes ? tape.size() - 2 * kEnds : 0;
  std::set<std::string_view> seen;
  for (std::int64_t i = 0; i < tape.size(); ++i) {
    const NodeInfo n = tape.node(i);
    for (const NodeInfo::Kept& k : n.kept) table.bytes_kept += n.op != "leaf" ? k.bytes : 0;
    if (!n.math.empty() && seen.insert(n.op).second) table.rules.emplace_back(n.op, readable_math(n.math));
    if (table.left_out == 0 || i < kEnds || i >= kEnds + table.left_out) table.rows.push_back(row_of(n));
  }
  return table;
}

struct Columns {
  std::size_t name = 0;
  std::size_t call = 0;
  std::size_t shapes = 0;
  std::size_t cotangent = 0;  // where cotangents begin
};

Columns columns_of(const std::vector<Row>& rows) {
  Columns columns;
  for (const Row& row : rows) {
    columns.name = row.name.size();  // the last is the widest
    if (row.call.size() <= kWidestCall) columns.call = std::max(columns.call, row.call.size());
    if (!row.kept.empty()) columns.shapes = std::max(columns.shapes, row.shapes.size());
    for (const Studied& tensor : row.tensors)
      if (const std::size_t width = width_of(tensor.value); width <= kWidestValue)
        columns.cotangent = std::max(columns.cotangent, width + 3);
  }
  return columns;
}

void append(std::string& text, const Row& row, const Columns& columns) {
  const std::size_t indent = columns.name + 3;
  std::string line = fmt::format("{:>{}} = {:<{}}  {:<{}}  ", row.name, columns.name, row.call, columns.call,
                                 row.shapes, columns.shapes);
  if (line.size() + row.kept.size() > kTapeColumns) {
    trim_end(line);
    line += "\n" + std::string(indent, ' ');
  }
  line += row.kept;
  trim_end(line);
  text += line + "\n";
  for (const Studied& tensor : row.tensors) append(text, tensor, indent, columns.cotangent);
}

}  // namespace

std::string to_string(const Tape& tape) {
  const Table table = table_of(tape);
  const std::vector<Row>& rows = table.rows;
  const std::size_t kept = tape.bytes_kept();
  std::string text = fmt::format("tape of {} nodes, {} kept for the reverse sweep{}\n", tape.size(), bytes_text(kept),
                                 table.bytes_kept > kept ? " (tensors kept by several nodes counted once)" : "");
  const Columns columns = columns_of(rows);
  const bool scoped = std::any_of(rows.begin(), rows.end(), [](const Row& row) { return !row.scope.empty(); });
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Row& row = rows[i];
    if (table.left_out > 0 && i == static_cast<std::size_t>(kEnds))
      text += fmt::format("... {} more nodes\n", table.left_out);
    if (scoped && (i == 0 || row.scope != rows[i - 1].scope))
      text += row.scope.empty() ? "outside of any scope\n" : "in " + on_one_line(row.scope) + "\n";
    append(text, row, columns);
  }
  append_rules(text, table.rules);
  return text;
}

std::ostream& operator<<(std::ostream& stream, const Tape& tape) { return stream << to_string(tape); }

}  // namespace tapegrad
