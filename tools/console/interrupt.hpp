// Ctrl-C: the first one asks the program to stop and write what it has, the second one kills as usual.
#pragma once

#include <csignal>

namespace console {

/// While one lives, the first SIGINT (or SIGTERM) only sets the flag of interrupted(), and the signal's default action
/// is back for the second. A blocking read on the terminal returns with EINTR. The destructor restores the actions
/// found. One at a time, on the main thread.
class InterruptGuard {
 public:
  [[nodiscard]] InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

 private:
  struct sigaction previous_interrupt_ {};
  struct sigaction previous_terminate_ {};
};

/// Whether a signal has come since the last InterruptGuard was made. Callable from any thread.
bool interrupted();

}  // namespace console
