#include "kernels/parallel.hpp"

#include <pthread.h>

#include <utility>

#include "tapegrad/base/error.hpp"
#include "tapegrad/base/threads.hpp"

namespace tapegrad {
namespace {
thread_local int chosen_threads = 0;
}

int set_num_threads(int threads) {
  if (threads < 0) throw ValueError("[set_num_threads] expected 0 or more threads, got " + std::to_string(threads));
  if (threads > 0) kernels::end_rest();
  return std::exchange(chosen_threads, threads);
}

int num_threads() { return kernels::max_threads(); }

namespace kernels {
namespace {

/// Whether this thread came out of fork(): OpenMP's team of it stayed with the parent, and waiting for it never ends.
constinit thread_local bool team_lost = false;

/// From the program's start on: the team may be an application's, and the fork come before the first computation here.
[[maybe_unused]] const int forks_noticed = pthread_atfork(nullptr, nullptr, [] { team_lost = true; });

}  // namespace

int max_threads() {
  if (team_lost || omp_in_parallel() != 0) return 1;
  return std::min(chosen_threads > 0 ? chosen_threads : omp_get_max_threads(), kMostThreads);
}

namespace {
constinit thread_local TeamHistory history;
constinit thread_local int forcing = 0;  // nested AlwaysTeams
constinit thread_local std::int64_t teams = 0;
}  // namespace

AlwaysTeams::AlwaysTeams() { ++forcing; }
AlwaysTeams::~AlwaysTeams() { --forcing; }

bool teams_are_forced() { return forcing > 0; }
std::int64_t teams_formed() { return teams; }

bool team_is_worthwhile() {
  if (teams_are_forced()) return true;
  if (!history.has_begun()) history.begin(omp_get_wtime(), chosen_threads == 0);
  return !history.is_resting() || history.may_try(omp_get_wtime());
}

void end_rest() { history.resume(); }

void judge_team(double seconds, std::span<const TeamShare> shares) {
  ++teams;
  history.judge(omp_get_wtime(), seconds, shares);
}

}  // namespace kernels
}  // namespace tapegrad
