// The calling thread's state of recording: trivial, so that reading it costs no guard.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>

#include "tape/tensor_impl.hpp"
#include "tapegrad/tape/tape.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

class TapeAside;

struct Recorder {
  TapeImpl* tape = nullptr;  // the live tape
  std::uint64_t serial = 0;  // its serial and generation
  std::uint32_t generation = 0;
  int paused = 0;                    // nested NoRecord guards
  bool replaying = false;            // a checkpointed block runs again
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
  Pause() { ++recorder.paused; }
  Pause(const Pause&) = delete;
  Pause& operator=(const Pause&) = delete;
  ~Pause() { --recorder.paused; }
};

/// While it lives, what is computed has strong zeros, or none.
class StrongZero {
 public:
  explicit StrongZero(bool on) : before_(recorder.strong_zero) { recorder.strong_zero = on; }
  StrongZero(const StrongZero&) = delete;
  StrongZero& operator=(const StrongZero&) = delete;
  ~StrongZero() { recorder.strong_zero = before_; }

 private:
  bool before_;
};

/// A level of forward mode, live for the guard's lifetime. Tangents of levels that have ended are ignored.
class ForwardLevel {
 public:
  explicit ForwardLevel(bool strong_zero);
  ForwardLevel(const ForwardLevel&) = delete;
  ForwardLevel& operator=(const ForwardLevel&) = delete;
  ~ForwardLevel();
  std::uint64_t id() const { return id_; }

 private:
  std::uint64_t id_;
};

/// x with a tangent at a level: an alias. REQUIRES: same shape and dtype.
Tensor with_tangent(const Tensor& x, std::uint64_t level, Tensor tangent);
/// The tangent of x at a level; undefined when it has none.
Tensor tangent_of(const Tensor& x, std::uint64_t level);
/// x without its tangent at a level: itself when it has none.
Tensor without_tangent(const Tensor& x, std::uint64_t level);
/// The innermost live level at which x has a tangent; 0 when there is none.
std::uint64_t innermost_level_of_tangents(const Tensor& x);
inline std::uint64_t innermost_level(const Tensor& x) {
  return x.defined() && x.impl()->tangents != nullptr ? innermost_level_of_tangents(x) : 0;
}
/// Throws TapeError "[writer] ..." for a tensor with a live tangent, which a change of its elements would not reach.
void expect_no_tangent(const Tensor& x, const char* writer);
/// Whether a live level's forward rules have strong zeros.
bool has_strong_zeros(std::uint64_t level);

/// x's value off every tape, with its tangents likewise: what outlives a private tape.
Tensor off_tape(const Tensor& x);

/// Suspends the live tape, so that a private one can live on this thread; what lies on the outer one counts as
/// constant.
class TapeAside {
 public:
  TapeAside();
  TapeAside(const TapeAside&) = delete;
  TapeAside& operator=(const TapeAside&) = delete;
  ~TapeAside();

  /// Whether a tensor recorded there lies on this suspended tape, or on one suspended further out.
  bool holds(std::uint64_t serial, std::uint32_t generation) const {
    for (const TapeAside* aside = this; aside != nullptr; aside = aside->outer_)
      if (aside->serial_ == serial && aside->generation_ == generation) return true;
    return false;
  }

 private:
  const TapeAside* outer_;
  TapeImpl* tape_;
  std::uint64_t serial_;
  std::uint32_t generation_;
  int paused_;
};

/// A tape beside the thread's live one. It records, and is swept, only while a Use of it lives.
class PrivateTape {
 public:
  PrivateTape();

  class Use {
   public:
    /// Throws TapeError "[name] ..." while a Use lives on another thread.
    Use(PrivateTape& tape, const char* name);
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use();
    Tape& tape() const { return *owner_.tape_; }

   private:
    TapeAside aside_;
    PrivateTape& owner_;
    std::thread::id before_;  // this thread inside another Use of its own, else none
  };

 private:
  std::unique_ptr<Tape> tape_;
  TapeImpl* impl_;
  std::atomic<std::thread::id> user_{};
};

}  // namespace tapegrad
