// The calling thread's state of recording: trivial, so that reading it costs no guard.
#pragma once

#include <array>
#include <cstdint>

namespace tapegrad {

class TapeAside;
struct TapeImpl;

struct Recorder {
  TapeImpl* tape = nullptr;  // the live tape
  std::uint64_t serial = 0;  // its serial and generation
  std::uint32_t generation = 0;
  int paused = 0;                    // nested NoRecord guards
  bool replaying = false;            // a Replay lives: what runs now has run before
  bool in_block = false;             // a checkpointed block runs for the first time
  bool strong_zero = false;          // products with an exact zero are zero: a reverse rule runs that was asked so
  const TapeAside* aside = nullptr;  // while set, tensors of other tapes count as constants

  static constexpr int kMostLevels = 16;
  struct Level {
    std::uint64_t id = 0;
    bool strong_zero = false;  // its forward rules run so
  };
  std::array<Level, kMostLevels> levels{};  // live levels of forward mode, outermost first
  int level_count = 0;

  bool records() const { return tape != nullptr && paused == 0; }
  void attach(TapeImpl& live);
  void detach() {
    tape = nullptr;
    serial = 0;
    generation = 0;
  }
};

extern constinit thread_local Recorder recorder;

/// What NoRecord is to users, without a call.
class Pause {
 public:
  [[nodiscard]] Pause() { ++recorder.paused; }
  Pause(const Pause&) = delete;
  Pause& operator=(const Pause&) = delete;
  ~Pause() { --recorder.paused; }
};

/// While it lives, what is computed has strong zeros, or none.
class StrongZero {
 public:
  [[nodiscard]] explicit StrongZero(bool on) : before_(recorder.strong_zero) { recorder.strong_zero = on; }
  StrongZero(const StrongZero&) = delete;
  StrongZero& operator=(const StrongZero&) = delete;
  ~StrongZero() { recorder.strong_zero = before_; }

 private:
  bool before_;
};

}  // namespace tapegrad
