#include "tapegrad/diff/replay.hpp"

#include <utility>

#include "tape/recorder.hpp"

namespace tapegrad {

bool is_replaying() { return recorder.replaying; }

Replay::Replay(const RandomStream& random)
    : random_(random), random_after_(default_generator().state()), outer_(std::exchange(recorder.replaying, true)) {
  rewind();
}

Replay::~Replay() {
  recorder.replaying = outer_;
  default_generator().set_state(random_after_);
}

void Replay::rewind() const { default_generator().set_state(random_); }

}  // namespace tapegrad
