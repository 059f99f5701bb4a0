// A number of threads for a while, for tests.
#pragma once

#include "kernels/always_teams.hpp"
#include "tapegrad/base/threads.hpp"

namespace tapegrad::kernels {

/// The calling thread's number of threads while this lives, with teams by force; whatever is thrown, what follows has
/// its own again.
class ThreadCount {
 public:
  [[nodiscard]] explicit ThreadCount(int threads) : before_(set_num_threads(threads)) {}
  ThreadCount(const ThreadCount&) = delete;
  ThreadCount& operator=(const ThreadCount&) = delete;
  ~ThreadCount() { set_num_threads(before_); }

 private:
  int before_;
  AlwaysTeams teams_;
};

}  // namespace tapegrad::kernels
