#include "tape/sweep_lease.hpp"

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

#include "tape/home_thread.hpp"
#include "tape/recorder.hpp"

namespace tapegrad {

SweepLease::SweepLease(TapeImpl& tape) : tape_(tape), nested_(tape.sweeping) {
  constexpr std::size_t kRooms = 8;  // for as many sweeps within sweeps
  tape.rooms.reserve(kRooms);
  if (!tape.rooms.empty()) {
    room_ = std::move(tape.rooms.back());
    tape.rooms.pop_back();
  }
  tape.sweeping = true;
}

void SweepLease::give_room_back() {
  if (!room_is_empty_) {
    room_.cotangents.clear();
    room_.reaches.clear();
  }
  if (tape_.rooms.size() < tape_.rooms.capacity()) tape_.rooms.push_back(std::move(room_));
}

SweepLease::~SweepLease() {
  if (!nested_) tape_.sweeping = false;
  give_room_back();
  if (nested_) return;
  if (half_swept_) tape_.consume();
  if (!tape_.left_behind.load(std::memory_order_relaxed)) return;
  if (recorder.tape == &tape_) recorder.detach();
  const std::shared_ptr<HomeThread> home = tape_.home;  // which the tape must not take along
  home->sweep_up(&tape_);
}

}  // namespace tapegrad
