#include "tapegrad/kept.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdint>
#include <map>
#include <vector>

#include "suite/tensors.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tapegrad::program {

std::string what_is_kept(const catalogue::OpEntry& op, const catalogue::Samples& samples) {
  if (!op.differentiable) return "nothing: its result carries no gradient";
  std::map<std::string, int> nodes_that_keep;
  int nodes = 0;
  for (const catalogue::Sample& sample : samples) {
    Tape tape;
    catalogue::Arguments inputs = sample.inputs;
    for (Tensor& x : inputs)
      if (suite::carries_gradient(x)) x = x.detach().set_requires_grad(true);
    sample.call(inputs);
    for (std::int64_t i = 0; i < tape.size(); ++i) {
      const NodeInfo node = tape.node(i);
      if (node.op != op.name) continue;
      ++nodes;
      for (const NodeInfo::Kept& kept : node.kept) ++nodes_that_keep[kept.what];
    }
  }
  std::vector<std::string> always, sometimes;
  for (const auto& [what, count] : nodes_that_keep) (count == nodes ? always : sometimes).push_back(what);
  if (sometimes.empty()) return always.empty() ? "nothing" : fmt::format("{}", fmt::join(always, ", "));
  return always.empty() ? fmt::format("in some calls {}", fmt::join(sometimes, ", "))
                        : fmt::format("{}; in some calls also {}", fmt::join(always, ", "), fmt::join(sometimes, ", "));
}

}  // namespace tapegrad::program
