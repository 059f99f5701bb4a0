#include "tapegrad/tape/graphviz.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "tape/node_text.hpp"
#include "text/unicode.hpp"

namespace tapegrad {
namespace {

/// A scope: its nodes, and the scopes within it in the order in which they first come.
struct Frame {
  std::string name;
  std::vector<NodeInfo> nodes;
  std::vector<Frame> frames;

  Frame& within(std::string_view inner) {
    for (Frame& frame : frames)
      if (frame.name == inner) return frame;
    return frames.emplace_back(Frame{std::string(inner), {}, {}});
  }
};

/// The frame of "encoder.layers.0/block".
Frame& frame_of(Frame& outermost, std::string_view scope) {
  Frame* frame = &outermost;
  while (!scope.empty()) {
    const std::size_t end = std::min(scope.find_first_of("./"), scope.size());
    if (end > 0) frame = &frame->within(scope.substr(0, end));
    scope.remove_prefix(std::min(end + 1, scope.size()));
  }
  return *frame;
}

/// A line within a quoted string.
std::string quotable(std::string_view line) {
  std::string text;
  for (const char c : on_one_line(line)) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text;
}

std::string label_of(const NodeInfo& n) {
  Lines lines = {fmt::format("%{} = {}", n.position, call_text(n)), shapes_text(n)};
  for (const Studied& tensor : studied(n)) {
    lines.insert(lines.end(), tensor.value.begin(), tensor.value.end());
    lines.insert(lines.end(), tensor.cotangent.begin(), tensor.cotangent.end());
  }
  std::string label;
  for (const std::string& line : lines) label += quotable(line) + "\\l";  // ends a line that stands at the left
  return label;
}

void append_frame(std::string& text, const Frame& frame, int& frames, std::size_t depth) {
  const std::string indent(2 * depth, ' ');
  for (const NodeInfo& n : frame.nodes)
    text += fmt::format("{}n{} [label=\"{}\"{}];\n", indent, n.position, label_of(n),
                        n.op == "leaf" ? ", shape=ellipse" : "");
  for (const Frame& inner : frame.frames) {
    // Where there is nothing but another frame, one stands for both.
    const Frame* last = &inner;
    std::string name = inner.name;
    for (; last->nodes.empty() && last->frames.size() == 1; last = &last->frames[0]) name += "." + last->frames[0].name;
    text += fmt::format("{}subgraph cluster_{} {{\n{}  label=\"{}\";\n", indent, frames++, indent, quotable(name));
    append_frame(text, *last, frames, depth + 1);
    text += indent + "}\n";
  }
}

}  // namespace

std::string to_dot(const Tape& tape) {
  Frame outermost;
  std::string edges;
  for (std::int64_t i = 0; i < tape.size(); ++i) {
    NodeInfo n = tape.node(i);
    for (const NodeInfo::Input& input : n.inputs) {
      if (input.node < 0) continue;
      const std::string output = input.output == 0 ? "" : fmt::format(" [taillabel=\"{}\"]", input.output);
      edges += fmt::format("  n{} -> n{}{};\n", input.node, i, output);
    }
    frame_of(outermost, n.scope).nodes.push_back(std::move(n));
  }
  std::string text = "digraph tape {\n  node [shape=box, fontname=\"monospace\"];\n";
  int frames = 0;
  append_frame(text, outermost, frames, 1);
  return text + edges + "}\n";
}

}  // namespace tapegrad
