// Tapes that died away from home.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

namespace tapegrad {

struct TapeImpl;

/// The thread that a live tape was made on. It takes in tapes whose Tape was destroyed while the thread still records
/// on them (on another thread, or in the middle of a transform that has suspended them): they stay whole until their
/// thread notices, which is an error there.
class HomeThread {
 public:
  /// The calling thread's; null while the thread ends.
  static std::shared_ptr<HomeThread> here();

  /// Gives up a tape that this thread may be using.
  void leave_behind(std::unique_ptr<TapeImpl> tape);
  /// Destroys a tape that was left behind. REQUIRES: called on this thread.
  void sweep_up(const TapeImpl* tape);

 private:
  struct Presence;

  std::mutex mutex_;
  bool ended_ = false;
  std::vector<std::unique_ptr<TapeImpl>> left_;
};

}  // namespace tapegrad
