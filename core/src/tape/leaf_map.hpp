// Where on a tape its leaves lie.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tapegrad {

struct LeafState;

/// From leaf identity to its node: open addressing, cleared without giving up its memory.
class LeafMap {
 public:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  std::uint32_t find(const LeafState* leaf) const { return nodes_.empty() ? kNone : entries_[slot_of(leaf)].node; }
  void insert(const LeafState* leaf, std::uint32_t node);
  void clear();
  /// The leaves' nodes, in the order of their positions.
  const std::vector<std::uint32_t>& nodes() const { return nodes_; }

 private:
  struct Entry {
    const LeafState* leaf = nullptr;
    std::uint32_t node = kNone;
  };
  std::size_t slot_of(const LeafState* leaf) const {
    const std::size_t mask = entries_.size() - 1;
    std::size_t i = (reinterpret_cast<std::uintptr_t>(leaf) >> 4) * 0x9E3779B97F4A7C15ULL >> 20 & mask;
    while (entries_[i].leaf != nullptr && entries_[i].leaf != leaf) i = (i + 1) & mask;
    return i;
  }
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> nodes_;
};

}  // namespace tapegrad
