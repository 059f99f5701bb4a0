#include "tape/recorder.hpp"

#include "tape/tape_impl.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tapegrad {

constinit thread_local Recorder recorder;

void Recorder::attach(TapeImpl& live) {
  tape = &live;
  serial = live.serial;
  generation = live.generation;
}

bool is_recording() { return recorder.records(); }

NoRecord::NoRecord() { ++recorder.paused; }
NoRecord::~NoRecord() { --recorder.paused; }

}  // namespace tapegrad
