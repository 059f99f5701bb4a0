#include "tape/leaf_guard.hpp"

#include <atomic>
#include <string>

#include "tape/tensor_impl.hpp"
#include "tapegrad/base/error.hpp"

namespace tapegrad {

LeafGuard::LeafGuard(const TapeImpl& tape, std::uint32_t top, bool nested) {
  held_.reserve(tape.leaves.nodes().size());  // from here on nothing throws while a leaf is held but not listed
  for (const std::uint32_t position : tape.leaves.nodes()) {
    if (position > top) break;
    const Node* const node = tape.nodes[position];
    LeafState& leaf = *node->saved[0].tensor.impl()->leaf;
    if (leaf.in_backward.exchange(true, std::memory_order_acquire)) {
      release();
      throw TapeError(std::string("[backward] ") + (nested ? "a sweep around this one" : "another thread") +
                      " is running backward() into the same leaf " + to_string(node->outputs[0].shape) +
                      ": use gradient(), which is safe from " +
                      (nested ? "hooks and observers" : "any number of threads"));
    }
    held_.emplace_back(&leaf);
  }
}

void LeafGuard::release() {
  for (const Ref<LeafState>& leaf : held_) leaf->in_backward.store(false, std::memory_order_release);
  held_.clear();
}

}  // namespace tapegrad
