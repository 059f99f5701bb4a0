// Parallel loops with results that do not depend on the number of threads.
//
// Thread safety: callable from any thread, also from inside an application's own parallel region (then it stays
// serial). Invariants: 1. the range is cut into chunks of `grain` by its length alone, never by the team's size; 2.
// each chunk runs on one thread;
// 3. no exception leaves a region (bodies are noexcept by contract); 4. the application's OpenMP settings are read,
// never written.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>

namespace tapegrad::kernels {

/// The largest team that tapegrad uses on the calling thread: set_num_threads(), else OpenMP's own setting.
int max_threads();

/// Work below this many elementary steps (about 3 us) is not worth a parallel region.
inline constexpr std::int64_t kSerialWork = 32 * 1024;

/// Calls body(begin, end) for consecutive chunks of [0, n), `grain` items each (the last may be shorter). `work` is the
/// cost of the whole loop in elementary steps (about 0.1 ns each): small loops stay on the calling thread.
template <class Body>
void parallel_for(std::int64_t n, std::int64_t grain, std::int64_t work, const Body& body) {
  const std::int64_t chunks = (n + grain - 1) / grain;
  const int threads =
      chunks < 2 || work < kSerialWork ? 1 : static_cast<int>(std::min<std::int64_t>(chunks, max_threads()));
  if (threads <= 1) {
    for (std::int64_t begin = 0; begin < n; begin += grain) body(begin, std::min(n, begin + grain));
    return;
  }
#pragma omp parallel for num_threads(threads) schedule(static)
  for (std::int64_t c = 0; c < chunks; ++c) body(c * grain, std::min(n, (c + 1) * grain));
}

}  // namespace tapegrad::kernels
