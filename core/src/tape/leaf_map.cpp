#include "tape/leaf_map.hpp"

#include <algorithm>
#include <utility>

namespace tapegrad {

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
