// How a tape prints, and how attributes become text.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <ostream>
#include <set>
#include <sstream>

#include "array/range.hpp"
#include "base/unicode.hpp"
#include "tape/tape_impl.hpp"
#include "tapegrad/base/readable_math.hpp"

namespace tapegrad {

void AttributeVisitor::operator()(std::string_view name, double value) { text(name, fmt::format("{}", value)); }
void AttributeVisitor::operator()(std::string_view name, std::int64_t value) { text(name, fmt::format("{}", value)); }
void AttributeVisitor::operator()(std::string_view name, bool value) { text(name, value ? "true" : "false"); }
void AttributeVisitor::operator()(std::string_view name, const Shape& value) { text(name, to_string(value)); }

namespace {

constexpr std::size_t kTapeColumns = 100;
constexpr std::size_t kWidestCall = 50;    // a longer one pushes the rest of its row
constexpr std::size_t kWidestValue = 44;   // a wider one has its cotangent below it
constexpr std::size_t kWidestTensor = 90;  // a wider one is told by its range
constexpr std::int64_t kSmall = 16;        // elements of a tensor that is printed whole
constexpr std::int64_t kMostNodes = 1000;  // of a longer tape the first and last nodes are shown
constexpr std::int64_t kEnds = 50;

using Lines = std::vector<std::string>;

std::string bytes_text(std::size_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  const double kib = static_cast<double>(bytes) / 1024.0;
  return kib < 1024.0 ? fmt::format("{:.1f} KiB", kib) : fmt::format("{:.1f} MiB", kib / 1024.0);
}

/// An input that is no node's output: in study mode a number is shown where it stands, a tensor below (`studied`).
std::string constant_text(const NodeInfo& n, std::size_t i) {
  if (n.input_values.empty()) return "const";
  const Tensor& x = n.input_values[i];
  if (!x.defined()) return "none";
  return x.shape().rank() == 0 ? "const " + to_string(x) : "const " + to_string(x.shape());
}

std::string call_text(const NodeInfo& n) {
  if (n.op == "leaf") return "leaf";
  std::vector<std::string> inputs;
  for (std::size_t i = 0; i < n.inputs.size(); ++i) {
    const NodeInfo::Input& input = n.inputs[i];
    inputs.push_back(input.node < 0      ? constant_text(n, i)
                     : input.output == 0 ? fmt::format("%{}", input.node)
                                         : fmt::format("%{}.{}", input.node, input.output));
  }
  std::vector<std::string> attributes;
  for (const auto& [name, value] : n.attributes) attributes.push_back(on_one_line(fmt::format("{}={}", name, value)));
  return fmt::format("{}({}){}", on_one_line(n.op), fmt::join(inputs, ", "),
                     attributes.empty() ? "" : fmt::format(" {{{}}}", fmt::join(attributes, ", ")));
}

std::string shapes_text(const NodeInfo& n) {
  std::vector<std::string> shapes;
  for (std::size_t j = 0; j < n.shapes.size(); ++j)
    shapes.push_back(fmt::format("{} {}", to_string(n.shapes[j]), to_string(n.dtypes[j])));
  return fmt::format("{}", fmt::join(shapes, ", "));
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

std::size_t width_of(const Lines& lines) {
  std::size_t width = 0;
  for (const std::string& line : lines) width = std::max(width, line.size());
  return width;
}

/// A small tensor whole, any other by its range; the first line begins with what it is.
Lines block(const std::string& what, const Tensor& x) {
  const auto lines_of = [&](const std::string& text) {
    Lines lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);)
      lines.push_back((lines.empty() ? what + " " : std::string(what.size() + 1, ' ')) + line);
    return lines;
  };
  if (!x.defined()) return lines_of("none");
  if (x.numel() <= kSmall)
    if (Lines whole = lines_of(to_string(x)); width_of(whole) <= kWidestTensor) return whole;
  return lines_of(array::to_string(array::range_of(array_of(x))));
}

/// What study mode keeps of one output, or of a constant input.
struct Studied {
  Lines value;
  Lines cotangent;  // empty before the first sweep, and of a constant
};

std::vector<Studied> studied(const NodeInfo& n) {
  std::vector<Studied> outputs;
  for (std::size_t i = 0; i < n.input_values.size(); ++i)
    if (const Tensor& x = n.input_values[i]; n.inputs[i].node < 0 && x.defined() && x.shape().rank() > 0)
      outputs.push_back({block(fmt::format("input {}", i), x), {}});
  for (std::size_t j = 0; j < n.values.size(); ++j) {
    const std::string number = n.values.size() == 1 ? "" : fmt::format(" {}", j);
    outputs.push_back({block("value" + number, n.values[j]),
                       j < n.cotangents.size() ? block("cotangent" + number, n.cotangents[j]) : Lines{}});
  }
  return outputs;
}

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
  text += "rules (x̄ is the cotangent of x: ∂L/∂x)\n";
  for (const auto& [op, rule] : rules) {
    text += fmt::format("  {:<{}}  ", op, width);
    append_rule(text, rule, width + 4);
  }
}

}  // namespace

std::string to_string(const Tape& tape) {
  struct Row {
    std::string name, call, shapes, kept;
    std::vector<Studied> outputs;
  };
  std::vector<NodeInfo> nodes;  // those that are shown
  std::vector<Row> rows;
  Rules rules;
  std::set<std::string_view> seen;
  std::size_t call_width = 0;
  std::size_t shape_width = 0;
  std::size_t column = 0;  // where cotangents begin
  bool scoped = false;
  std::size_t kept = 0;
  const std::int64_t left_out = tape.size() > kMostNodes ? tape.size() - 2 * kEnds : 0;
  for (std::int64_t i = 0; i < tape.size(); ++i) {
    NodeInfo info = tape.node(i);
    for (const NodeInfo::Kept& k : info.kept) kept += info.op != "leaf" ? k.bytes : 0;
    if (!info.math.empty() && seen.insert(info.op).second) rules.emplace_back(info.op, readable_math(info.math));
    if (left_out > 0 && i >= kEnds && i < kEnds + left_out) continue;
    const NodeInfo& n = nodes.emplace_back(std::move(info));
    const Row& row =
        rows.emplace_back(Row{fmt::format("%{}", i), call_text(n), shapes_text(n), kept_text(n), studied(n)});
    if (row.call.size() <= kWidestCall) call_width = std::max(call_width, row.call.size());
    if (!row.kept.empty()) shape_width = std::max(shape_width, row.shapes.size());
    for (const Studied& output : row.outputs)
      if (width_of(output.value) <= kWidestValue) column = std::max(column, width_of(output.value) + 3);
    scoped = scoped || !n.scope.empty();
  }
  const bool shared = kept > tape.bytes_kept();
  const std::size_t name_width = rows.empty() ? 0 : rows.back().name.size();
  std::string text = fmt::format("tape of {} nodes, {} kept for the reverse sweep{}\n", tape.size(),
                                 bytes_text(tape.bytes_kept()), shared ? ", what several keep counted once" : "");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Row& row = rows[i];
    if (left_out > 0 && i == static_cast<std::size_t>(kEnds)) text += fmt::format("... {} more nodes\n", left_out);
    if (scoped && (i == 0 || nodes[i].scope != nodes[i - 1].scope))
      text += nodes[i].scope.empty() ? "outside of any scope\n" : "in " + on_one_line(nodes[i].scope) + "\n";
    std::string line =
        fmt::format("{:>{}} = {:<{}}  {:<{}}  ", row.name, name_width, row.call, call_width, row.shapes, shape_width);
    if (line.size() + row.kept.size() > kTapeColumns) {
      trim_end(line);
      line += "\n" + std::string(name_width + 3, ' ');
    }
    line += row.kept;
    trim_end(line);
    text += line + "\n";
    for (const Studied& output : row.outputs) append(text, output, name_width + 3, column);
  }
  append_rules(text, rules);
  return text;
}

std::ostream& operator<<(std::ostream& stream, const Tape& tape) { return stream << to_string(tape); }

}  // namespace tapegrad
