#include "kernels/parallel.hpp"

#include <pthread.h>

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
namespace {

/// Whether this thread came out of fork(): OpenMP's team of it stayed with the parent, and waiting for it never ends.
constinit thread_local bool team_lost = false;

void notice_forks() {
  static const int noticed = pthread_atfork(nullptr, nullptr, [] { team_lost = true; });
  (void)noticed;
}

}  // namespace

int max_threads() {
  notice_forks();
  if (team_lost || omp_in_parallel() != 0) return 1;
  return chosen_threads > 0 ? chosen_threads : omp_get_max_threads();
}

namespace {

constexpr double kTolerated = 2.0;       // times the time that the fastest thread's chunks suggest
constexpr double kNoise = 30e-6;         // seconds: waking a team may cost this much
constexpr double kShortestPause = 1e-3;  // seconds without teams after a bad region; doubled while they stay bad
constexpr double kLongestPause = 0.2;

struct TeamHistory {
  double pause = 0.0;
  double resume_at = 0.0;
};
constinit thread_local TeamHistory history;

}  // namespace

bool team_is_worthwhile() { return history.resume_at == 0.0 || omp_get_wtime() >= history.resume_at; }

void judge_team(double seconds, const TeamShare* shares, int threads) {
  double fastest_chunk = seconds;
  std::int64_t most_chunks = 0;
  for (int t = 0; t < threads; ++t) {
    if (shares[t].chunks == 0) continue;
    fastest_chunk = std::min(fastest_chunk, shares[t].seconds / static_cast<double>(shares[t].chunks));
    most_chunks = std::max(most_chunks, shares[t].chunks);
  }
  if (seconds <= kTolerated * fastest_chunk * static_cast<double>(most_chunks) + kNoise) {
    history = {};
    return;
  }
  history.pause = std::clamp(2.0 * history.pause, kShortestPause, kLongestPause);
  history.resume_at = omp_get_wtime() + history.pause;
}

}  // namespace kernels
}  // namespace tapegrad
