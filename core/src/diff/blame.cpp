#include "tapegrad/diff/blame.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>

#include "gradcheck/compare.hpp"
#include "gradcheck/wording.hpp"
#include "tape/node_text.hpp"
#include "tape/recorder.hpp"
#include "tape/tape_impl.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/tape/op.hpp"
#include "tapegrad/tape/same_bits.hpp"
#include "text/unicode.hpp"

namespace tapegrad {
namespace {

/// A node's op as a function of the inputs that have a gradient; the others stay as they were recorded.
class NodeFunction {
 public:
  NodeFunction(const Node& node, const std::vector<Tensor>& inputs) : node_(node), inputs_(inputs) {
    for (std::uint32_t i = 0; i < node.edge_count; ++i)
      if (node.edges[i].tracked()) tracked_.push_back(i);
  }

  NodeFunction in_float64() const {
    const NoRecord pause;
    NodeFunction wide = *this;
    for (Tensor& x : wide.inputs_)
      if (x.defined() && x.dtype() == float32) x = x.to(float64);
    return wide;
  }
  DType dtype() const { return inputs_[tracked_.front()].dtype(); }

  std::vector<Tensor> arguments() const {
    std::vector<Tensor> xs;
    for (const std::size_t i : tracked_) xs.push_back(inputs_[i]);
    return xs;
  }
  /// The op's number of the k-th argument. At order 2 cotangents follow the arguments: theirs follow the op's inputs.
  int input_of(int k) const {
    const auto i = static_cast<std::size_t>(k);
    return static_cast<int>(i < tracked_.size() ? tracked_[i] : inputs_.size() + (i - tracked_.size()));
  }

  std::vector<Tensor> operator()(const std::vector<Tensor>& xs) const {
    std::vector<Tensor> inputs = inputs_;
    for (std::size_t k = 0; k < tracked_.size(); ++k) inputs[tracked_[k]] = xs[k];
    std::vector<const Tensor*> pointers;
    for (const Tensor& x : inputs) pointers.push_back(&x);
    std::vector<Tensor> outputs(node_.output_count);
    engine::apply(*node_.table, node_.state, Inputs(pointers.data(), pointers.size()), outputs);
    return outputs;
  }

 private:
  const Node& node_;
  std::vector<Tensor> inputs_;
  std::vector<std::size_t> tracked_;
};

/// Why the op cannot be run again; empty when it gives its recorded values.
std::string cannot_repeat(const NodeFunction& run, const std::vector<Tensor>& recorded) {
  const NoRecord pause;
  try {
    const std::vector<Tensor> again = run(run.arguments());
    if (!same_bits(again, recorded)) return "running it again gives other values";
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

bool is_to_blame(Verdict verdict) { return verdict == Verdict::wrong || verdict == Verdict::non_deterministic; }

class Blamer {
 public:
  Blamer(const TapeImpl& tape, const BlameOptions& options) : tape_(tape), options_(options) {}

  BlameReport run(std::uint32_t top) {
    std::vector<char> reached(top + 1, 0);
    reached[top] = 1;
    for (std::int64_t i = top; i >= 0; --i) {
      const Node& node = *tape_.nodes[static_cast<std::size_t>(i)];
      if (reached[static_cast<std::size_t>(i)] == 0 || node.is_leaf()) continue;
      for (const Edge& edge : std::span(node.edges, node.edge_count))
        if (edge.tracked()) reached[edge.node] = 1;
      check(node);
    }
    return std::move(report_);
  }

 private:
  void check(const Node& node) {
    ++report_.nodes;
    const StudyValues& values = tape_.study[node.position];
    const NodeFunction run(node, values.inputs);
    if (const std::string reason = cannot_repeat(run, values.outputs); !reason.empty()) {
      report_.skipped.push_back({node.position, std::string(node.name()), reason});
      return;
    }
    Verdict verdict = check(node, run);
    if (run.dtype() == float32 && !is_to_blame(verdict)) {
      const NodeFunction wide = run.in_float64();
      bool takes_it = true;
      try {
        const NoRecord pause;
        wide(wide.arguments());
      } catch (const DTypeError&) {  // the op holds a tensor of its own
        takes_it = false;
      }
      if (takes_it) verdict = check(node, wide);
    }
    if (verdict != Verdict::ok && verdict != Verdict::kink && !is_to_blame(verdict)) ++report_.undecided;
  }

  static std::vector<std::string> names_of(const NodeFunction& run, std::span<const std::string_view> all) {
    std::vector<std::string> names;
    if (all.empty()) return names;
    const std::size_t count = run.arguments().size();
    for (std::size_t i = 0; i < count; ++i)
      if (const auto at = static_cast<std::size_t>(run.input_of(static_cast<int>(i))); at < all.size())
        names.emplace_back(all[at]);
      else  // of an op that takes any number
        names.push_back(std::to_string(at));
    return names;
  }

  Verdict check(const Node& node, const NodeFunction& run) {
    const GradcheckOptions options{.order = node.table->vjp == nullptr ? 1 : options_.order,
                                   .forward_mode = false,
                                   .seed = options_.seed,
                                   .budget = options_.budget,
                                   .directions = options_.directions,
                                   .allow = options_.allow,
                                   .input_names = names_of(run, node.table->input_names)};
    BlamedNode blamed;
    try {
      blamed.report = gradcheck(run, run.arguments(), options);
    } catch (const TapeError& e) {  // a rule that breaks its contract: a gradient of no possible shape
      blamed.failure = e.what();
    }
    const GradcheckReport& report = blamed.report;
    Verdict verdict = blamed.failure.empty() ? report.verdict() : Verdict::wrong;
    if (!is_to_blame(verdict) || (blamed.failure.empty() && report.ok())) return verdict;
    if (blamed.failure.empty()) {
      blamed.finding =
          *std::max_element(report.findings.begin(), report.findings.end(), [](const auto& a, const auto& b) {
            return std::pair(a.verdict, a.relative_error()) < std::pair(b.verdict, b.relative_error());
          });
      if (blamed.finding.input >= 0) blamed.finding.input = run.input_of(blamed.finding.input);
    }
    const NodeInfo info = tape_.info(node);
    blamed.position = info.position;
    blamed.op = info.op;
    blamed.scope = info.scope;
    blamed.attributes = info.attributes;
    for (const Tensor& x : info.input_values)
      blamed.input_shapes.push_back(x.defined() ? std::optional(x.shape()) : std::nullopt);
    blamed.input_names.assign(node.table->input_names.begin(), node.table->input_names.end());
    blamed.dtype = run.dtype();
    report_.wrong.push_back(std::move(blamed));
    return verdict;
  }

  const TapeImpl& tape_;
  const BlameOptions& options_;
  BlameReport report_;
};

std::string heading(const BlamedNode& node) {
  std::vector<std::string> inputs;
  for (const std::optional<Shape>& shape : node.input_shapes) inputs.push_back(shape ? to_string(*shape) : "none");
  return fmt::format("node {}, {}{}{}", node.position, call_text(node.op, inputs, node.attributes),
                     node.scope.empty() ? "" : " in ", on_one_line(node.scope));
}

/// What the worst finding is of: an input of the op by its number and name, or a cotangent by its name.
std::string input_text(const BlamedNode& node) {
  const GradcheckFinding& f = node.finding;
  if (f.input < 0) return "";
  const auto i = static_cast<std::size_t>(f.input);
  if (i >= node.input_shapes.size()) return f.input_name;
  return fmt::format("input {}{}", i, i < node.input_names.size() ? fmt::format(" ({})", node.input_names[i]) : "");
}

/// What is wrong with it, of an element: its lines, all but the first indented.
std::string residual(const BlamedNode& node) {
  constexpr std::size_t kIndent = 4;
  if (!node.failure.empty()) return node.failure;
  const GradcheckFinding& f = node.finding;
  std::string where = input_text(node);
  if (!f.index.empty()) where += fmt::format("[{}]", fmt::join(f.index, ", "));
  // Of an element beside all outputs it is no difference: what the rule gives for other cotangents lets expect it.
  const bool is_expected = f.output < 0 && !f.index.empty();
  const std::string text = fmt::format("{}{}: the rule says {:.9g}, {} {:.9g}: relative error {:.2g} ({}, {})", where,
                                       f.output < 0 ? "" : fmt::format(" to output {}", f.output), f.analytic,
                                       is_expected ? "expected is" : "differences", f.numeric, f.relative_error(),
                                       to_string(f.verdict), to_string(node.dtype));
  return checker::indented(text, kIndent);
}

}  // namespace

BlameReport blame(const Tape& tape, const Tensor& loss, const BlameOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  TapeImpl* const impl = recorder.tape;
  if (impl == nullptr || &impl->handle() != &tape)
    throw TapeError("[blame] the tape belongs to another thread, or is suspended");
  if (!impl->options.study) throw TapeError("[blame] needs a tape that keeps its values: Tape tape({.study = true})");
  checker::expect_options(
      "blame",
      {.order = options.order, .budget = options.budget, .directions = options.directions, .allow = options.allow});
  BlameReport report = Blamer(*impl, options).run(impl->node_of(loss, "blame").position);
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

std::string to_string(const BlameReport& report) {
  std::string text;
  if (report.ok()) {
    text = "blame: no node's reverse rule is wrong\n";
  } else {
    const BlamedNode& first = report.wrong.front();
    text = fmt::format("blame: {}\n  {}\n", heading(first), residual(first));
    if (first.failure.empty()) text += to_string(first.report);
    for (std::size_t k = 1; k < report.wrong.size(); ++k)
      text += fmt::format("further down: {}\n  {}\n", heading(report.wrong[k]), residual(report.wrong[k]));
  }
  text += fmt::format(
      "{} nodes from the loss down: {} right, {} wrong, {} undecided, {} skipped ({:.3f} s)\n", report.nodes,
      report.nodes - static_cast<std::int64_t>(report.wrong.size() + report.skipped.size()) - report.undecided,
      report.wrong.size(), report.undecided, report.skipped.size(), report.seconds);
  for (const SkippedNode& s : report.skipped)
    text += fmt::format("skipped node {}, {}: {}\n", s.position, s.op, s.reason);
  return text;
}

}  // namespace tapegrad
