#include "tapegrad/ops_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <memory>
#include <string_view>
#include <tuple>
#include <utility>

#include "console/output_file.hpp"
#include "suite/entry.hpp"
#include "tapegrad/format.hpp"
#include "tapegrad/latex_document.hpp"
#include "tapegrad/page.hpp"
#include "tapegrad/recorded.hpp"
#include "tapegrad/reports.hpp"
#include "tapegrad/selection.hpp"
#include "tapegrad/text/readable_math.hpp"
#include "tapegrad/whole_derivation.hpp"

namespace tapegrad::program {
namespace {

constexpr std::string_view kLatexWriter = "ops";

using catalogue::OpEntry;
using console::Paint;
using console::Terminal;
using console::terminal_at;
using nn::catalogue::LayerEntry;
using nn::catalogue::LayerSample;

/// Where a user finds the op declared.
std::string header_of(const OpEntry& op) {
  if (op.family == "convert" || op.name == "clone") return "tapegrad/tape/tensor.hpp";
  return op.family == "engine" ? "tapegrad/tape/engine_ops.hpp" : fmt::format("tapegrad/ops/{}.hpp", op.family);
}

/// A list by families: rows of {family, name, formula}.
std::string list(const char* what, std::vector<std::tuple<std::string, std::string, std::string>> all,
                 const char* formula, const Terminal& terminal) {
  std::sort(all.begin(), all.end());
  std::vector<std::vector<Cell>> rows;
  for (const auto& [where, name, math] : all)
    rows.push_back({{where, Paint::faint}, {name, Paint::strong}, {readable_math(math)}});
  Page page(terminal);
  page.table({{.heading = "family", .optional = true}, {what}, {formula}}, std::move(rows));
  return page.text();
}

/// Those entries of a catalogue that are among the wanted.
template <class Entry>
std::vector<const Entry*> those_of(const std::vector<const Entry*>& all, std::string_view kind,
                                   const std::vector<suite::Entry>& wanted) {
  std::vector<const Entry*> chosen;
  std::copy_if(all.begin(), all.end(), std::back_inserter(chosen), [&](const Entry* entry) {
    return std::any_of(wanted.begin(), wanted.end(),
                       [&](const suite::Entry& e) { return e.kind == kind && e.name == entry->name; });
  });
  return chosen;
}

/// The names of the checks among the entries; empty where there are none.
std::string list_of_checks(const std::vector<suite::Entry>& entries, const Terminal& terminal) {
  std::vector<std::vector<Cell>> rows;
  for (const suite::Entry& entry : entries)
    if (entry.kind == "check") rows.push_back({{std::string(entry.name), Paint::strong}});
  if (rows.empty()) return {};
  Page page(terminal);
  page.table({{"check"}}, std::move(rows));
  return page.text();
}

void append_tensors(Page& page, std::string_view what, const NamedTensors& tensors) {
  if (tensors.empty()) return;
  page.heading(what);
  std::vector<std::vector<Cell>> rows;
  for (const auto& [name, tensor] : tensors)
    rows.push_back({{"  " + name}, {fmt::format("{}", tensor.shape()), Paint::faint}});
  page.table({{"  name"}, {"shape"}}, std::move(rows));
}

void write_latex(const std::string& program, const Ops& ops, const Layers& layers, const std::string& file) {
  if (ops.empty() && layers.empty()) throw UsageError("no formula can be written: checks have none");
  if (!is_output(file)) console::expect_output_file(kLatexWriter, file);
  const std::string document = latex_document(program, ops, layers);
  if (is_output(file)) {
    fmt::print("{}", document);
  } else {
    write_file(kLatexWriter, file, document);
  }
}

}  // namespace

std::string list_of(const Ops& ops, const Terminal& terminal) {
  std::vector<std::tuple<std::string, std::string, std::string>> all;
  for (const OpEntry* op : ops) all.emplace_back(op->family, op->name, op->math);
  return list("op", std::move(all), "formula; reverse rule", terminal);
}

std::string list_of(const Layers& layers, const Terminal& terminal) {
  std::vector<std::tuple<std::string, std::string, std::string>> all;
  for (const LayerEntry* layer : layers) all.emplace_back(layer->family, layer->name, layer->math);
  return list("layer", std::move(all), "formula", terminal);
}

std::string page_of(const OpEntry& op, const Terminal& terminal, const Shown& shown) {
  constexpr std::size_t kStepIndent = 6;
  Generator g(3);
  const catalogue::Samples samples = op.samples(g);
  Page page(terminal);
  const std::string inputs = op.input_names.empty() ? "" : fmt::format("({})", fmt::join(op.input_names, ", "));
  const std::string header = shown.origin == suite::Origin::built_in ? ", " + header_of(op) : "";
  page.title(fmt::format("{}{}", op.name, inputs), fmt::format("family {}{}", op.family, header));
  if (!op.math.empty()) page.paragraph(readable_math(op.math));

  const catalogue::Derivation steps = whole_derivation(op);
  if (!steps.empty()) page.heading("Derivation");
  std::size_t number = 0;
  for (const catalogue::Step& step : steps) {
    page.line(fmt::format("{:>2}. {}", ++number, step.title));
    page.paragraph(readable_math(step.latex), kStepIndent);
    if (!step.why.empty()) page.paragraph(tapegrad::readable_prose(step.why), kStepIndent);
  }

  page.heading("Notation");
  page.paragraph(readable_prose(catalogue::kNotation));

  page.heading("Keeps for the reverse sweep");
  page.paragraph(what_is_kept(op, samples));
  page.samples(samples);
  page.errors(op.errors());
  page.line(fmt::format("\nCheck it: {} check --op {}", shown.by, op.name));
  return page.text();
}

std::string page_of(const LayerEntry& layer, const Terminal& terminal, const Shown& shown) {
  Generator g(3);
  const nn::catalogue::LayerSamples samples = layer.samples(g);
  Page page(terminal);
  const bool built_in = shown.origin == suite::Origin::built_in;
  page.title(layer.name,
             built_in ? fmt::format("tapegrad/nn/{}.hpp", layer.family) : fmt::format("family {}", layer.family));
  if (!layer.math.empty()) page.paragraph(readable_math(layer.math));

  page.heading("Notation");
  page.paragraph(readable_prose(catalogue::kNotation));

  if (const std::string ops = what_is_recorded(samples); !ops.empty()) {
    page.heading("Ops that it is made of");
    page.paragraph(ops);
    if (built_in) page.paragraph(fmt::format("The derivation of each: {} ops NAME", shown.by));
  }
  for (const LayerSample& sample : samples) {
    const std::unique_ptr<nn::Module> module = sample.copy(*sample.layer);
    const NamedTensors parameters = module->named_parameters();
    if (parameters.empty()) continue;
    append_tensors(page, fmt::format("Parameters of the sample \"{}\"", sample.name), parameters);
    append_tensors(page, "Buffers", module->named_buffers());
    break;
  }
  page.samples(samples);
  page.errors(layer.errors());
  page.line(fmt::format("\nCheck it: {} check --layer {}", shown.by, layer.name));
  return page.text();
}

int ops_command(const suite::Contents& contents, const OpsRequest& request) {
  const std::vector<suite::Entry> all = suite::entries_of(contents);
  const std::vector<suite::Entry> wanted = request.names.empty() ? all : selected(all, "", request.names);
  const Ops ops = those_of(suite::ops_of(contents), "op", wanted);
  const Layers layers = those_of(suite::layers_of(contents), "layer", wanted);
  if (request.latex) {
    write_latex(contents.program, ops, layers, request.output);
    return 0;
  }
  const Terminal terminal = terminal_at(stdout);
  const std::string checks = list_of_checks(wanted, terminal);
  const auto show = [&](const auto& one) {
    fmt::print("{}", page_of(one, terminal, {contents.program, suite::origin_of(one, contents)}));
  };
  if (wanted.size() == 1 && ops.size() == 1) {
    show(*ops.front());
  } else if (wanted.size() == 1 && layers.size() == 1) {
    show(*layers.front());
  } else {
    std::vector<std::string> lists;
    if (!ops.empty()) lists.push_back(list_of(ops, terminal));
    if (!layers.empty()) lists.push_back(list_of(layers, terminal));
    if (!lists.empty()) {
      Page legend(terminal);
      legend.paragraph(fmt::format("{} `ops NAME` shows one whole.", readable_prose(catalogue::kNotation)));
      lists.push_back(legend.text());
    }
    if (!checks.empty()) lists.push_back(checks);
    fmt::print("{}", fmt::join(lists, "\n"));
  }
  return 0;
}

}  // namespace tapegrad::program
