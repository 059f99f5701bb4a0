// How far a tape had come, to take off again what has been recorded since.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tape/arena.hpp"
#include "tape/recorder.hpp"
#include "tape/tape_impl.hpp"

namespace tapegrad {

class TapeMark {
 public:
  /// Of this thread's live tape.
  explicit TapeMark(TapeImpl& tape)
      : tape_(tape),
        serial_(tape.serial),
        generation_(tape.generation),
        size_(tape.nodes.size()),
        room_(tape.arena.mark()) {}
  TapeMark(const TapeMark&) = delete;
  TapeMark& operator=(const TapeMark&) = delete;

  /// How many nodes there were.
  std::size_t size() const { return size_; }
  /// Whether the tape has been swept or cleared since, so that what it holds is not what followed the mark, or
  /// destroyed: only the recorder knows then.
  bool is_gone() const { return recorder.serial != serial_ || recorder.generation != generation_; }
  /// Takes nodes recorded since off the tape, and leaves that they were the first to use. None where the mark is gone.
  [[gnu::cold]] void restore() const {
    if (is_gone()) return;
    tape_.truncate(size_);
    tape_.arena.rewind(room_);
  }
  /// Forgets what was allocated since, where no node has been recorded.
  void rewind() const { tape_.arena.rewind(room_); }

 private:
  TapeImpl& tape_;
  std::uint64_t serial_;
  std::uint32_t generation_;
  std::size_t size_;
  Arena::Mark room_;
};

}  // namespace tapegrad
