// What a sweep has of its tape for as long as it lasts.
#pragma once

#include "array/recycled.hpp"
#include "tape/tape_impl.hpp"

namespace tapegrad {

/// Marks a tape as being swept and takes a room of it, which goes back as large as it has become. The tape of a sweep
/// that has failed half-way is consumed then, unless the sweep runs inside another, whose own end decides.
class SweepLease {
 public:
  /// REQUIRES: the tape is this thread's live one.
  explicit SweepLease(TapeImpl& tape);
  SweepLease(const SweepLease&) = delete;
  SweepLease& operator=(const SweepLease&) = delete;
  ~SweepLease();

  /// Whether the sweep runs inside a rule, a hook or an observer of another of this tape.
  bool nested() const { return nested_; }

  array::RecycledVector<Tensor>& cotangents() { return room_.cotangents; }
  const array::RecycledVector<Tensor>& cotangents() const { return room_.cotangents; }
  array::RecycledVector<char>& reaches() { return room_.reaches; }
  /// Says that no cotangent and no mark is left in the room, so that it need not be looked through.
  void room_is_empty() { room_is_empty_ = true; }

  /// From here on the tape is half swept.
  void begin() { half_swept_ = true; }
  void succeed() { half_swept_ = false; }

 private:
  void give_room_back();

  TapeImpl& tape_;
  SweepRoom room_;
  bool nested_;
  bool room_is_empty_ = false;
  bool half_swept_ = false;
};

}  // namespace tapegrad
