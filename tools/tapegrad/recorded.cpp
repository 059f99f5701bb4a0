#include "tapegrad/recorded.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "suite/tensors.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tapegrad::program {
namespace {

/// How often each was met, in the order in which they first were.
using Counts = std::vector<std::pair<std::string, int>>;

void count(Counts& counts, const std::string& what) {
  const auto known = std::find_if(counts.begin(), counts.end(), [&](const auto& one) { return one.first == what; });
  if (known == counts.end()) {
    counts.emplace_back(what, 1);
  } else {
    ++known->second;
  }
}

/// Those that were met each of the times, then the others.
std::string text_of(const Counts& counts, int times) {
  std::vector<std::string> always, sometimes;
  for (const auto& [what, met] : counts) (met == times ? always : sometimes).push_back(what);
  if (sometimes.empty()) return always.empty() ? "nothing" : fmt::format("{}", fmt::join(always, ", "));
  return always.empty() ? fmt::format("in some calls {}", fmt::join(sometimes, ", "))
                        : fmt::format("{}; in some calls also {}", fmt::join(always, ", "), fmt::join(sometimes, ", "));
}

/// The nodes of a call with these inputs, those of the leaves left out. Nothing where it throws: that is for the check
/// to tell.
template <class Call>
std::optional<std::vector<NodeInfo>> nodes_of(catalogue::Arguments inputs, const Call& call) try {
  Tape tape;
  for (Tensor& x : inputs)
    if (suite::carries_gradient(x)) x = x.detach().set_requires_grad(true);
  call(inputs);
  std::vector<NodeInfo> nodes;
  for (std::int64_t i = 0; i < tape.size(); ++i)
    if (NodeInfo node = tape.node(i); node.op != "leaf") nodes.push_back(std::move(node));
  return nodes;
} catch (...) {
  return std::nullopt;
}

}  // namespace

std::string what_is_kept(const catalogue::OpEntry& op, const catalogue::Samples& samples) {
  if (!op.differentiable) return "nothing: its result carries no gradient";
  Counts counts;
  int nodes = 0;
  std::size_t threw = 0;
  for (const catalogue::Sample& sample : samples) {
    const auto recorded = nodes_of(sample.inputs, sample.call);
    if (!recorded) {
      ++threw;
      continue;
    }
    for (const NodeInfo& node : *recorded) {
      if (node.op != op.name) continue;
      ++nodes;
      for (const NodeInfo::Kept& kept : node.kept) count(counts, kept.what);
    }
  }
  if (threw > 0 && threw == samples.size()) return "not known: all of its samples throw";
  std::sort(counts.begin(), counts.end());
  return text_of(counts, nodes);
}

std::string what_is_recorded(const nn::catalogue::LayerSamples& samples) {
  Counts counts;
  int calls = 0;
  for (const nn::catalogue::LayerSample& sample : samples) {
    const std::unique_ptr<nn::Module> module = sample.copy(*sample.layer);
    const auto recorded =
        nodes_of(sample.inputs, [&](const catalogue::Arguments& inputs) { sample.call(*module, inputs); });
    if (!recorded) continue;
    ++calls;
    std::set<std::string_view> seen;
    for (const NodeInfo& node : *recorded)
      if (seen.insert(node.op).second) count(counts, std::string(node.op));
  }
  return counts.empty() ? "" : text_of(counts, calls);
}

}  // namespace tapegrad::program
