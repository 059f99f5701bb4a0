// Who may write the gradients of leaves, which several tapes may share.
#pragma once

#include <cstdint>
#include <vector>

#include "base/ref.hpp"
#include "tape/tape_impl.hpp"

namespace tapegrad {

/// Holds the leaves of a tape for one sweep, so that two threads cannot write the same gradients.
class LeafGuard {
 public:
  /// Those that a sweep from node `top` may reach. Throws TapeError "[backward] ..." where another sweep holds one: a
  /// sweep around this one, if it is `nested`, or another thread's.
  [[nodiscard]] LeafGuard(const TapeImpl& tape, std::uint32_t top, bool nested);
  LeafGuard(const LeafGuard&) = delete;
  LeafGuard& operator=(const LeafGuard&) = delete;
  ~LeafGuard() { release(); }

 private:
  void release();

  std::vector<Ref<LeafState>> held_;  // owned: consuming the tape may drop a leaf's last other owner
};

}  // namespace tapegrad
