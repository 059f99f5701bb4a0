#include "tapegrad/ops_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <optional>
#include <string_view>

#include "suite/entry.hpp"
#include "suite/tensors.hpp"
#include "tapegrad/base/readable_math.hpp"
#include "tapegrad/columns.hpp"
#include "tapegrad/format.hpp"
#include "tapegrad/selection.hpp"
#include "tapegrad/table.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tapegrad::program {
namespace {

using catalogue::OpEntry;
using catalogue::Sample;

void append_wrapped(std::string& page, std::string_view text, std::size_t indent, const Terminal& terminal) {
  for (const std::string& line : wrapped(text, terminal.width - std::min(indent, terminal.width / 2)))
    page += std::string(indent, ' ') + line + "\n";
}

void append_heading(std::string& page, std::string_view text, const Terminal& terminal) {
  page += "\n" + terminal.painted(text, Paint::strong) + "\n";
}

/// How a sample's inputs look: "[3, 4], [4] int64".
std::string shapes_of(const Sample& sample) {
  std::string text;
  for (const Tensor& x : sample.inputs) {
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

std::string expectation_of(const Sample& sample) {
  const catalogue::SampleOptions& options = sample.options;
  std::string text = options.order == 2   ? "orders 1 and 2"
                     : options.order == 1 ? "order 1"
                                          : "not compared with differences";
  if (options.kink) text = "stands on a kink: order 1, within the slopes on both sides";
  if (!options.reason.empty()) text += fmt::format(": {}", options.reason);
  return text;
}

/// The op's node on a tape that records the sample: what it keeps is seen there, for an op may keep less when fewer
/// gradients are wanted. Nothing when nothing is recorded.
std::optional<NodeInfo> recorded(const OpEntry& op, const Sample& sample) {
  Tape tape;
  catalogue::Arguments inputs = sample.inputs;
  for (Tensor& x : inputs)
    if (suite::carries_gradient(x)) x = x.detach().set_requires_grad(true);
  sample.call(inputs);
  for (std::int64_t i = 0; i < tape.size(); ++i)
    if (NodeInfo node = tape.node(i); node.op == op.name) return node;
  return std::nullopt;
}

std::string keeps(const OpEntry& op, const catalogue::Samples& samples) {
  if (!op.differentiable) return "nothing: its result carries no gradient";
  for (const Sample& sample : samples) {
    const std::optional<NodeInfo> node = recorded(op, sample);
    if (!node) continue;
    if (node->kept.empty()) return "nothing";
    std::string text;
    for (const NodeInfo::Kept& kept : node->kept) text += (text.empty() ? "" : ", ") + kept.what;
    return text;
  }
  return "nothing";
}

}  // namespace

std::string list_of(const std::vector<const OpEntry*>& ops, const Terminal& terminal) {
  std::vector<const OpEntry*> sorted = ops;
  std::sort(sorted.begin(), sorted.end(), [](const OpEntry* a, const OpEntry* b) {
    return std::pair(a->room, a->name) < std::pair(b->room, b->name);
  });
  std::vector<std::vector<Cell>> rows;
  for (const OpEntry* op : sorted)
    rows.push_back(
        {{std::string(op->room), Paint::faint}, {std::string(op->name), Paint::strong}, {readable_math(op->math)}});
  std::string page;
  for (const std::string& line :
       table_lines({{.heading = "room", .optional = true}, {"op"}, {"formula; reverse rule"}}, rows, terminal))
    page += line + "\n";
  return page;
}

std::string page_of(const OpEntry& op, const Terminal& terminal) {
  constexpr std::size_t kIndent = 2;
  Generator g(3);
  const catalogue::Samples samples = op.samples(g);
  std::string page = fmt::format("{}  {}\n", terminal.painted(op.name, Paint::strong),
                                 terminal.painted(fmt::format("room {}", op.room), Paint::faint));
  append_wrapped(page, readable_math(op.math), kIndent, terminal);

  append_heading(page, "Derivation", terminal);
  std::size_t number = 0;
  for (const catalogue::Step& step : op.derivation()) {
    const std::string head = fmt::format("{:>2}. {}", ++number, step.title);
    page += head + "\n";
    append_wrapped(page, readable_math(step.latex), 3 * kIndent, terminal);
    if (!step.why.empty()) append_wrapped(page, tapegrad::readable_prose(step.why), 3 * kIndent, terminal);
  }

  append_heading(page, "Keeps for the reverse sweep", terminal);
  append_wrapped(page, keeps(op, samples), kIndent, terminal);

  append_heading(page, "Samples", terminal);
  std::vector<std::vector<Cell>> rows;
  for (const Sample& sample : samples)
    rows.push_back({{"  " + sample.name}, {shapes_of(sample)}, {expectation_of(sample), Paint::faint}});
  for (const std::string& line :
       table_lines({{"  name"}, {"inputs"}, {"derivatives compared with differences"}}, rows, terminal))
    page += line + "\n";

  const catalogue::ErrorSamples errors = op.errors();
  append_heading(page, errors.empty() ? "Rejects nothing" : "Rejects", terminal);
  rows.clear();
  for (const catalogue::ErrorSample& error : errors)
    rows.push_back({{"  " + error.name}, {error.message, Paint::faint}});
  if (!rows.empty())
    for (const std::string& line : table_lines({{"  misuse"}, {"message"}}, rows, terminal)) page += line + "\n";

  page += fmt::format("\nCheck it: tapegrad check --op {}\n", op.name);
  return page;
}

int ops_command(const std::vector<std::string>& patterns) {
  const std::span<const OpEntry* const> all = catalogue::all_ops();
  std::vector<const OpEntry*> ops(all.begin(), all.end());
  if (!patterns.empty()) {
    const std::vector<suite::Entry> wanted = selected(suite::all_entries(), "op", patterns);
    std::erase_if(ops, [&](const OpEntry* op) {
      return std::none_of(wanted.begin(), wanted.end(), [&](const suite::Entry& e) { return e.name == op->name; });
    });
  }
  const Terminal terminal = terminal_at(stdout);
  fmt::print("{}", ops.size() == 1 ? page_of(*ops.front(), terminal) : list_of(ops, terminal));
  return 0;
}

}  // namespace tapegrad::program
