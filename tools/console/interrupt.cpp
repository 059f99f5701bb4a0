#include "console/interrupt.hpp"

#include <atomic>

namespace console {
namespace {

// An atomic, not a volatile sig_atomic_t: the threads that train also read it.
std::atomic<bool> signal_came{false};
static_assert(std::atomic<bool>::is_always_lock_free, "only lock-free atomics may be written in a signal handler");

}  // namespace

InterruptGuard::InterruptGuard() {
  signal_came = false;
  struct sigaction action {};
  action.sa_handler = [](int) { signal_came = true; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // and no SA_RESTART: a prompt that waits for input must wake up
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &previous_interrupt_);
  sigaction(SIGTERM, &action, &previous_terminate_);
}

InterruptGuard::~InterruptGuard() {
  sigaction(SIGINT, &previous_interrupt_, nullptr);
  sigaction(SIGTERM, &previous_terminate_, nullptr);
}

bool interrupted() { return signal_came; }

}  // namespace console
