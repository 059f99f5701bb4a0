// A sweep's reads, begun before it comes by.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "tape/tape_impl.hpp"

namespace tapegrad {

// Inlined, or g++ takes a function that only prefetches for one without effect.
[[gnu::always_inline]] inline void fetch_line(const void* object, std::ptrdiff_t line) {
  constexpr std::ptrdiff_t kBytes = 64;
  __builtin_prefetch(static_cast<const std::byte*>(object) + line * kBytes);
}

/// Begins to fetch what the sweep will read some nodes further down from `position`: a tape of small tensors soon
/// outgrows the near caches, and each step would wait for its node, then for what that saved, then for its elements.
[[gnu::always_inline]] inline void fetch_ahead(std::span<Node* const> nodes, std::int64_t position) {
  constexpr std::int64_t kNodes = 6, kTensors = 3;
  if (position < kNodes) return;
  for (const int line : {0, 1, 2}) fetch_line(nodes[static_cast<std::size_t>(position - kNodes)], line);
  const Node& near = *nodes[static_cast<std::size_t>(position - kTensors)];
  // The handle's count, the storage's version and the elements of a small tensor, which is one block.
  for (const SavedSlot& slot : std::span(near.saved, near.saved_count)) {
    if (!slot.tensor.defined()) continue;
    for (const int line : {0, 3, 4}) fetch_line(slot.tensor.impl(), line);
  }
}

}  // namespace tapegrad
