#include "tape/node_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <sstream>

#include "array/range.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/tape/op.hpp"
#include "text/unicode.hpp"

namespace tapegrad {

void AttributeVisitor::operator()(std::string_view name, double value) { text(name, fmt::format("{}", value)); }
void AttributeVisitor::operator()(std::string_view name, std::int64_t value) { text(name, fmt::format("{}", value)); }
void AttributeVisitor::operator()(std::string_view name, bool value) { text(name, value ? "true" : "false"); }
void AttributeVisitor::operator()(std::string_view name, const Shape& value) { text(name, to_string(value)); }

std::size_t width_of(const Lines& lines) {
  std::size_t width = 0;
  for (const std::string& line : lines) width = std::max(width, line.size());
  return width;
}

namespace {

constexpr std::size_t kWidestTensor = 90;  // a wider one is told by its range
constexpr std::int64_t kSmall = 16;        // elements of a tensor that is printed whole

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

/// An input that is no node's output: in study mode a number is shown where it stands, a tensor below (`studied`).
std::string constant_text(const NodeInfo& n, std::size_t i) {
  if (n.input_values.empty()) return "const";
  const Tensor& x = n.input_values[i];
  if (!x.defined()) return "none";
  return x.shape().rank() == 0 ? "const " + to_string(x) : "const " + to_string(x.shape());
}

}  // namespace

std::string call_text(const NodeInfo& n) {
  if (n.op == "leaf") return "leaf";
  std::vector<std::string> inputs;
  for (std::size_t i = 0; i < n.inputs.size(); ++i) {
    const NodeInfo::Input& input = n.inputs[i];
    inputs.push_back(input.node < 0      ? constant_text(n, i)
                     : input.output == 0 ? fmt::format("%{}", input.node)
                                         : fmt::format("%{}.{}", input.node, input.output));
  }
  return call_text(n.op, inputs, n.attributes);
}

std::string call_text(std::string_view op, const std::vector<std::string>& inputs,
                      const std::vector<std::pair<std::string, std::string>>& attributes) {
  std::vector<std::string> told;
  for (const auto& [name, value] : attributes) told.push_back(on_one_line(fmt::format("{}={}", name, value)));
  return fmt::format("{}({}){}", on_one_line(op), fmt::join(inputs, ", "),
                     told.empty() ? "" : fmt::format(" {{{}}}", fmt::join(told, ", ")));
}

std::string shapes_text(const NodeInfo& n) {
  std::vector<std::string> shapes;
  for (std::size_t j = 0; j < n.shapes.size(); ++j)
    shapes.push_back(fmt::format("{} {}", to_string(n.shapes[j]), to_string(n.dtypes[j])));
  return fmt::format("{}", fmt::join(shapes, ", "));
}

std::vector<Studied> studied(const NodeInfo& n) {
  std::vector<Studied> tensors;
  for (std::size_t i = 0; i < n.input_values.size(); ++i)
    if (const Tensor& x = n.input_values[i]; n.inputs[i].node < 0 && x.defined() && x.shape().rank() > 0)
      tensors.push_back({block(fmt::format("input {}", i), x), {}});
  for (const NodeInfo::Kept& kept : n.kept)
    if (kept.value.defined() && kept.what.starts_with("residual"))
      tensors.push_back({block(kept.what, kept.value), {}});
  for (std::size_t j = 0; j < n.values.size(); ++j) {
    const std::string number = n.values.size() == 1 ? "" : fmt::format(" {}", j);
    tensors.push_back({block("value" + number, n.values[j]),
                       j < n.cotangents.size() ? block("cotangent" + number, n.cotangents[j]) : Lines{}});
  }
  return tensors;
}

}  // namespace tapegrad
