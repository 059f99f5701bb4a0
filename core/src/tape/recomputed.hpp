// Inputs that a node reads and does not keep. See docs/design.md, "The tape".
#pragma once

#include <vector>

#include "tape/tape_impl.hpp"
#include "tapegrad/tape/op_table.hpp"

namespace tapegrad {

/// While it lives, a node has the inputs that are not kept, as far as its rule reads them.
class Recomputed {
 public:
  Recomputed(const Node& node, Wants wants);
  Recomputed(const Recomputed&) = delete;
  Recomputed& operator=(const Recomputed&) = delete;
  ~Recomputed();

 private:
  std::vector<SavedSlot*> filled_;
};

}  // namespace tapegrad
