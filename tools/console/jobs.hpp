// Independent jobs on several threads, such as the entries of the suite and the networks of a study.
#pragma once

#include <cstddef>
#include <functional>

namespace console {

/// job(0) ... job(count - 1), each once, begun in that order on `threads` threads, none of which is the caller's.
/// Tapes, default generators and thread counts belong to a thread, so jobs that use nothing else in common do what they
/// would do one after the other. The operations inside a job run on one thread. `done(i)` follows each job: one at a
/// time. Where the system gives fewer threads those do all; std::system_error where it gives none. Throws ValueError
/// for fewer than one thread. What a job or `done` throws, the first of several, is thrown when all threads have ended,
/// and no job is begun after it. interrupted() keeps no job from being begun: one that is not worth it any more
/// returns.
void run_side_by_side(std::size_t count, int threads, const std::function<void(std::size_t)>& job,
                      const std::function<void(std::size_t)>& done = {});

}  // namespace console
