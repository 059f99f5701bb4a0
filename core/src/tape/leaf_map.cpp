#include "tape/leaf_map.hpp"

#include <algorithm>
#include <utility>

namespace tapegrad {

std::size_t LeafMap::slot_of(const LeafState* leaf) const {
  const std::size_t mask = entries_.size() - 1;
  std::size_t i = (reinterpret_cast<std::uintptr_t>(leaf) >> 4) * 0x9E3779B97F4A7C15ULL >> 20 & mask;
  while (entries_[i].leaf != nullptr && entries_[i].leaf != leaf) i = (i + 1) & mask;
  return i;
}

std::uint32_t LeafMap::find(const LeafState* leaf) const {
  return nodes_.empty() ? kNone : entries_[slot_of(leaf)].node;
}

void LeafMap::insert(const LeafState* leaf, std::uint32_t node) {
  if (2 * (nodes_.size() + 1) > entries_.size()) {
    std::vector<Entry> old(std::max<std::size_t>(64, 2 * entries_.size()));
    std::swap(old, entries_);
    for (const Entry& e : old)
      if (e.leaf != nullptr) entries_[slot_of(e.leaf)] = e;
  }
  nodes_.push_back(node);
  entries_[slot_of(leaf)] = {leaf, node};
}

void LeafMap::clear() {
  if (!nodes_.empty()) std::fill(entries_.begin(), entries_.end(), Entry{});
  nodes_.clear();
}

}  // namespace tapegrad
