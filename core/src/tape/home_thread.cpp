#include "tape/home_thread.hpp"

#include <algorithm>
#include <utility>

#include "tape/tape_impl.hpp"

namespace tapegrad {

namespace {
constinit thread_local bool thread_ends = false;
}

/// Ends with its thread.
struct HomeThread::Presence {
  std::shared_ptr<HomeThread> thread = std::make_shared<HomeThread>();
  Presence() = default;
  Presence(const Presence&) = delete;
  Presence& operator=(const Presence&) = delete;
  ~Presence() {
    thread_ends = true;
    std::vector<std::unique_ptr<TapeImpl>> left;
    {
      const std::lock_guard lock(thread->mutex_);
      thread->ended_ = true;
      left.swap(thread->left_);
    }
  }
};

std::shared_ptr<HomeThread> HomeThread::here() {
  if (thread_ends) return nullptr;
  static thread_local const Presence presence;
  return presence.thread;
}

void HomeThread::leave_behind(std::unique_ptr<TapeImpl> tape) {
  const std::lock_guard lock(mutex_);
  if (ended_) return;  // nobody uses it: it dies with the argument
  tape->left_behind.store(true, std::memory_order_relaxed);
  left_.push_back(std::move(tape));
}

void HomeThread::sweep_up(const TapeImpl* tape) {
  std::vector<std::unique_ptr<TapeImpl>> left;
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(left_.begin(), left_.end(), [tape](const auto& t) { return t.get() == tape; });
    left.push_back(std::move(*found));
    left_.erase(found);
  }
}

}  // namespace tapegrad
