// How a tape prints, and how attributes become text.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "tape/tape_impl.hpp"

namespace tapegrad {

void AttributeVisitor::operator()(std::string_view name, double value) { text(name, fmt::format("{}", value)); }
void AttributeVisitor::operator()(std::string_view name, std::int64_t value) { text(name, fmt::format("{}", value)); }
void AttributeVisitor::operator()(std::string_view name, bool value) { text(name, value ? "true" : "false"); }
void AttributeVisitor::operator()(std::string_view name, const Shape& value) { text(name, to_string(value)); }

namespace {

std::string bytes_text(std::size_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  const double kib = static_cast<double>(bytes) / 1024.0;
  return kib < 1024.0 ? fmt::format("{:.1f} KiB", kib) : fmt::format("{:.1f} MiB", kib / 1024.0);
}

std::string inputs_text(const NodeInfo& n) {
  std::vector<std::string> parts;
  for (const NodeInfo::Input& input : n.inputs)
    parts.push_back(input.node < 0      ? "const"
                    : input.output == 0 ? fmt::format("%{}", input.node)
                                        : fmt::format("%{}.{}", input.node, input.output));
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string attributes_text(const NodeInfo& n) {
  std::vector<std::string> parts;
  for (const auto& [name, value] : n.attributes) parts.push_back(fmt::format("{}={}", name, value));
  return parts.empty() ? "" : fmt::format(" {{{}}}", fmt::join(parts, ", "));
}

std::string kept_text(const NodeInfo& n) {
  if (n.kept.empty()) return "-";
  std::vector<std::string> parts;
  for (const NodeInfo::Kept& k : n.kept) parts.push_back(fmt::format("{} {}", k.what, bytes_text(k.bytes)));
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace

std::string to_string(const Tape& tape) {
  struct Row {
    std::string name, call, shapes, kept, math;
  };
  std::vector<Row> rows;
  std::size_t call_width = 4;
  std::size_t shape_width = 5;
  std::size_t kept_width = 4;
  for (std::int64_t i = 0; i < tape.size(); ++i) {
    const NodeInfo n = tape.node(i);
    Row row;
    row.name = fmt::format("%{}", i);
    row.call = n.op == "leaf" ? "leaf" : fmt::format("{}({}){}", n.op, inputs_text(n), attributes_text(n));
    std::vector<std::string> shapes;
    for (std::size_t j = 0; j < n.shapes.size(); ++j)
      shapes.push_back(fmt::format("{} {}", to_string(n.shapes[j]), to_string(n.dtypes[j])));
    row.shapes = fmt::format("{}", fmt::join(shapes, ", "));
    row.kept = n.op == "leaf" ? "" : kept_text(n);
    row.math = n.scope.empty() ? std::string(n.math) : fmt::format("{}  @ {}", n.math, n.scope);
    for (const Tensor& value : n.values)
      if (value.numel() <= 16) row.math += fmt::format("\n{}", to_string(value));
    call_width = std::max(call_width, row.call.size());
    shape_width = std::max(shape_width, row.shapes.size());
    kept_width = std::max(kept_width, row.kept.size());
    rows.push_back(std::move(row));
  }
  std::string text =
      fmt::format("tape of {} nodes, {} kept for the reverse sweep\n", tape.size(), bytes_text(tape.bytes_kept()));
  const std::size_t name_width = rows.empty() ? 2 : rows.back().name.size();
  for (const Row& row : rows) {
    std::string line = fmt::format("{:>{}} = {:<{}}  {:<{}}  {:<{}}  {}", row.name, name_width, row.call, call_width,
                                   row.shapes, shape_width, row.kept, kept_width, row.math);
    const std::size_t first_line_end = std::min(line.find('\n'), line.size());
    const std::size_t last = line.find_last_not_of(' ', first_line_end == 0 ? 0 : first_line_end - 1);
    line.erase(last + 1, first_line_end - last - 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace tapegrad
