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
  std::uint32_t find(const LeafState* leaf) const;
  void insert(const LeafState* leaf, std::uint32_t node);
  void clear();
  /// The leaves' nodes, in the order of their positions.
  const std::vector<std::uint32_t>& nodes() const { return nodes_; }

 private:
  struct Entry {
    const LeafState* leaf = nullptr;
    std::uint32_t node = kNone;
  };
  std::size_t slot_of(const LeafState* leaf) const;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> nodes_;
};

}  // namespace tapegrad
