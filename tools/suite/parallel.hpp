// Independent jobs, such as the entries of the suite, on several threads.
#pragma once

#include <cstddef>
#include <functional>

namespace tapegrad::suite {

/// job(0) ... job(count - 1), each once, begun in that order on `workers` threads. Tapes, default generators and thread
/// counts belong to a thread, so jobs that use nothing else in common do what they would do one after the other. With
/// several workers the operations inside a job run on one thread each. `done(i)` follows each job: one at a time.
/// Where the system gives fewer threads those do all; std::system_error where it gives none. Throws ValueError for
/// fewer than one worker; what a job throws is thrown when all threads have ended.
void in_parallel(std::size_t count, int workers, const std::function<void(std::size_t)>& job,
                 const std::function<void(std::size_t)>& done = {});

}  // namespace tapegrad::suite
