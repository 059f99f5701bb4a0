// The hooks of one tensor's gradient.
#pragma once

#include <utility>
#include <vector>

#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

class Hooks {
 public:
  /// Throws ValueError for an empty hook. No two hooks of a process have one id, and none has HookId{}.
  HookId add(GradientHook hook);
  /// Whether it was there.
  bool remove(HookId id);
  /// Calls them in order of registration, each with what the one before has left in `gradient`. Throws TapeError for
  /// what does not fit in its place.
  void fire(Tensor& gradient) const;

 private:
  std::vector<std::pair<HookId, GradientHook>> registered_;
};

}  // namespace tapegrad
