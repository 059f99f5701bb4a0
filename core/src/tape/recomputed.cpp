#include "tape/recomputed.hpp"

#include <span>

#include "tape/recorder.hpp"
#include "tape/tensor_impl.hpp"

namespace tapegrad {
namespace {

/// Runs a node's forward function again: its output, in its place on the tape.
Tensor recompute(const Node& node) {
  const Tensor absent;
  std::vector<const Tensor*> inputs(node.edge_count, &absent);
  for (const SavedSlot& slot : std::span(node.saved, node.saved_count))
    if (slot.kind == SavedSlot::Kind::input) inputs[slot.index] = &slot.tensor;
  Tensor y;
  {
    const Pause pause;
    const StrongZero plain(false);
    Keeper keeper(false);
    node.table->forward(node.state, keeper, Inputs(inputs.data(), inputs.size()), std::span(&y, 1));
  }
  y = wrap(array_of(y));
  y.impl()->place = {node.tape->serial, node.tape->generation, node.era, node.position, 0};
  return y;
}

}  // namespace

Recomputed::Recomputed(const Node& node, Wants wants) {
  for (SavedSlot& slot : std::span(node.saved, node.saved_count)) {
    if (slot.tensor.defined() || (node.table->kept(node.state, wants).input_set >> slot.index & 1U) == 0) continue;
    slot.tensor = recompute(*node.tape->nodes[node.edges[slot.index].node]);
    filled_.push_back(&slot);
  }
}

Recomputed::~Recomputed() {
  for (SavedSlot* slot : filled_) slot->tensor = Tensor();
}

}  // namespace tapegrad
