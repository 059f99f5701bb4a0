#include "tapegrad/diff/replay.hpp"

#include <utility>

#include "tape/recorder.hpp"

namespace tapegrad {

bool is_replaying() { return recorder.replaying; }

Replay::Replay(const RandomStream& random)
    : random_(random), numbers_(random), outer_(std::exchange(recorder.replaying, true)) {}

Replay::~Replay() { recorder.replaying = outer_; }

void Replay::rewind() const { default_generator().set_state(random_); }

}  // namespace tapegrad
