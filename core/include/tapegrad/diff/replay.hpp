// Running a function again as it ran before.
#pragma once

#include "tapegrad/base/random.hpp"

namespace tapegrad {

/// Whether the running function has run before or is only tried out: a checkpointed block in a reverse sweep, a
/// function that jacobian() or hessian() call more than once, or one that gradcheck() checks. It must not update
/// anything beside its result (running statistics) then.
bool is_replaying();

/// While it lives, is_replaying() holds on this thread, and the default generator begins at `random`, what its state()
/// was before the function ran for the first time. Afterwards the generator goes on where it was.
class Replay {
 public:
  [[nodiscard]] explicit Replay(const RandomStream& random);
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;
  ~Replay();

  /// For another run: the generator begins at `random` again.
  void rewind() const;

 private:
  RandomStream random_;
  RandomNumbers numbers_;
  bool outer_;
};

}  // namespace tapegrad
