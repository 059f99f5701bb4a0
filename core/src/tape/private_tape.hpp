// Tapes beside the thread's live one, which is set aside for them.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>

#include "tapegrad/tape/tape.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// x's value off every tape, with its tangents likewise: what outlives a private tape.
Tensor off_tape(const Tensor& x);

/// Suspends the live tape, so that a private one can live on this thread; what lies on the outer one counts as
/// constant.
class TapeAside {
 public:
  [[nodiscard]] TapeAside();
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
