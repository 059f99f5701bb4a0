// Parallel loops with results that do not depend on the number of threads.
//
// Thread safety: callable from any thread, also from inside an application's own parallel region (then it stays
// serial).
//
// Invariants:
// 1. the range is cut into chunks of `grain` by its length alone, never by the team's size;
// 2. each chunk runs on one thread;
// 3. no exception leaves a region: the first one that a chunk throws (memory may be out) is thrown again behind it, and
//    the chunks that have not begun by then are left out;
// 4. the application's OpenMP settings are read, never written.
//
// Because of 1 and 2 the engine may choose the team's size freely: it times its regions and stays serial for a while
// when they lose time (team_history.hpp).
#pragma once

#include <omp.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>

#include "base/ceil_div.hpp"
#include "kernels/always_teams.hpp"
#include "kernels/team_history.hpp"

namespace tapegrad::kernels {

/// The largest team that one loop gets.
inline constexpr int kMostThreads = 64;

/// The largest team that tapegrad uses on the calling thread: set_num_threads(), else OpenMP's own setting;
/// kMostThreads at most.
int max_threads();

/// Work below this many elementary steps (about 10 us) is not worth a parallel region: to wake a team costs 0.4 to 1.5
/// us, and what the others touch must come from this thread's caches.
inline constexpr std::int64_t kSerialWork = 96 * 1024;

/// Elements of a chunk where a kernel does not say otherwise: about what stays in a first-level cache.
inline constexpr std::int64_t kChunkElements = 8192;

/// The rows of a chunk of about so many elements, `least` at least. Chunks fix the order of sums over rows, hence their
/// bits.
constexpr std::int64_t rows_per_chunk(std::int64_t row_elements, std::int64_t elements = kChunkElements,
                                      std::int64_t least = 1) {
  return std::max(least, elements / std::max<std::int64_t>(1, row_elements));
}

/// Whether teams have been worth their while lately on the calling thread, or are forced.
bool team_is_worthwhile();

/// Lets teams be tried at once on the calling thread.
void end_rest();

/// Tells how a region went that has just ended: `seconds` in all, and each thread's share.
void judge_team(double seconds, std::span<const TeamShare> shares);

/// Calls body(begin, end) for consecutive chunks of [0, n), `grain` items each (the last may be shorter). `work` is the
/// cost of the whole loop in elementary steps (about 0.1 ns each): small loops stay on the calling thread.
template <class Body>
void parallel_for(std::int64_t n, std::int64_t grain, std::int64_t work, const Body& body) {
  const std::int64_t chunks = ceil_div(n, grain);
  const auto chunk = [&](std::int64_t c) { body(c * grain, std::min(n, (c + 1) * grain)); };
  const bool alone = chunks < 2 || (work < kSerialWork ? !teams_are_forced() : !team_is_worthwhile());
  const int threads = alone ? 1 : static_cast<int>(std::min<std::int64_t>(chunks, max_threads()));
  if (threads <= 1) {
    for (std::int64_t c = 0; c < chunks; ++c) chunk(c);
    return;
  }
  std::array<TeamShare, kMostThreads> shares{};
  std::atomic<bool> failed = false;
  std::exception_ptr failure;
  const double start = omp_get_wtime();
#pragma omp parallel num_threads(threads)
  {
    TeamShare mine;
    const double from = omp_get_wtime();
#pragma omp for schedule(static) nowait
    for (std::int64_t c = 0; c < chunks; ++c) {
      if (failed.load(std::memory_order_relaxed)) continue;
      try {
        chunk(c);
      } catch (...) {
        if (!failed.exchange(true)) failure = std::current_exception();
      }
      mine.items += std::min(n, (c + 1) * grain) - c * grain;
    }
    mine.seconds = omp_get_wtime() - from;
    shares[static_cast<std::size_t>(omp_get_thread_num())] = mine;
  }
  if (failure) std::rethrow_exception(failure);
  judge_team(omp_get_wtime() - start, std::span(shares.data(), static_cast<std::size_t>(threads)));
}

}  // namespace tapegrad::kernels
