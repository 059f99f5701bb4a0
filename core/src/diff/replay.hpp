// Running a function again as it ran before.
#pragma once

#include "tape/recorder.hpp"
#include "tapegrad/base/random.hpp"

namespace tapegrad {

/// While it lives, what runs has run before: it draws the same random numbers from the default generator, and leaves
/// alone what it remembers (is_replaying()). The generator goes on afterwards where it was.
class Replay {
 public:
  explicit Replay(const RandomStream& random)
      : random_(random), random_after_(default_generator().state()), outer_(recorder.replaying) {
    recorder.replaying = true;
    rewind();
  }
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;
  ~Replay() {
    recorder.replaying = outer_;
    default_generator().set_state(random_after_);
  }

  /// For another run.
  void rewind() const { default_generator().set_state(random_); }

 private:
  RandomStream random_, random_after_;
  bool outer_;
};

}  // namespace tapegrad
