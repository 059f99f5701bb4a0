#include "kernels/parallel.hpp"

#include "tapegrad/base/error.hpp"
#include "tapegrad/base/threads.hpp"

namespace tapegrad {
namespace {
thread_local int chosen_threads = 0;
}

void set_num_threads(int threads) {
  if (threads < 0) throw ValueError("[set_num_threads] expected 0 or more threads, got " + std::to_string(threads));
  chosen_threads = threads;
}

int num_threads() { return kernels::max_threads(); }

namespace kernels {
int max_threads() {
  if (omp_in_parallel() != 0) return 1;
  return chosen_threads > 0 ? chosen_threads : omp_get_max_threads();
}
}  // namespace kernels
}  // namespace tapegrad
