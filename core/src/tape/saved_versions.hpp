// Whether what a node has saved is still what it was. What is called where it is not, or is to come again, is in
// saved.cpp.
#pragma once

#include <span>

#include "tape/tape_impl.hpp"

namespace tapegrad {

[[noreturn, gnu::noinline]] void throw_written(const Node& node, const SavedSlot& slot);
/// check_versions() of the node that is run again for the slot.
[[gnu::noinline]] void check_producer_versions(const Node& node, const SavedSlot& slot);

/// Throws TapeError where what a node saved, or what comes again is made of, has been written since.
inline void check_versions(const Node& node) {
  for (const SavedSlot& slot : std::span(node.saved, node.saved_count)) {
    if (slot.comes_again) {
      check_producer_versions(node, slot);
    } else if (slot.tensor.impl()->array.storage->version() != slot.version) {
      throw_written(node, slot);
    }
  }
}

}  // namespace tapegrad
