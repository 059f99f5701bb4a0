#include "tape/sweep_targets.hpp"

#include <algorithm>
#include <numeric>

namespace tapegrad {
namespace {

SweepTargets::Target target_of(const TapeImpl& tape, const std::vector<Tensor>& xs, std::size_t i, const char* name) {
  using Target = SweepTargets::Target;
  const Tensor& x = xs[i];
  // A leaf that this tape has not seen is simply unused; anything else that is not on the tape is a mistake.
  if (x.defined() && x.requires_grad() && tape.leaves.find(x.impl()->leaf.get()) == LeafMap::kNone)
    return {Target::kUnused, Target::kUnused};
  const Node& node = tape.node_of(x, name, i, xs.size());
  return {node.position, node.slot + x.impl()->place.output};
}

}  // namespace

SweepTargets::SweepTargets(const TapeImpl& tape, const std::vector<Tensor>& xs, const char* name, std::uint32_t first,
                           std::uint32_t top, array::RecycledVector<char>& marks)
    : marks_(marks), top_(top), lowest_(top + 1) {
  for (std::size_t i = 0; i < xs.size(); ++i) targets_.push_back(target_of(tape, xs, i, name));
  if (marks_.size() < tape.nodes.size()) marks_.resize(tape.nodes.size());
  for (const Target& target : targets_) {
    if (target.node == Target::kUnused) continue;
    marks_[target.node] = 1;
    lowest_ = std::min(lowest_, target.node);
  }
  lowest_ = std::max(lowest_, first);
  for (std::uint32_t i = lowest_; i <= top; ++i)
    for (const Edge& edge : std::span(tape.nodes[i]->edges, tape.nodes[i]->edge_count))
      if (edge.tracked() && marks_[edge.node] != 0) marks_[i] = 1;
}

std::vector<std::size_t> SweepTargets::from_the_top() const {
  std::vector<std::size_t> order(targets_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [this](std::size_t a, std::size_t b) { return targets_[a].node > targets_[b].node; });
  return order;
}

void SweepTargets::unmark() {
  const auto at = [this](std::size_t i) { return marks_.begin() + static_cast<std::ptrdiff_t>(i); };
  std::fill(at(std::min(lowest_, top_)), at(top_) + 1, char{0});
  for (const Target& target : targets_)
    if (target.node != Target::kUnused) marks_[target.node] = 0;
}

}  // namespace tapegrad
