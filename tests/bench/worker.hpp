// An engine in a process of its own, for what is settled when a process starts: which kernels a library picks, how the
// system's allocator behaves.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "bench/workloads.hpp"

namespace bench {

using Environment = std::vector<std::pair<std::string, std::string>>;

/// The engine as it runs in a new process with these variables set. A step is told through a pipe and answered when it
/// is done: about 10 us more than the step itself. The process lives as long as this one.
Engine in_own_process(const Engine& engine, std::string name, const Environment& environment);

/// What the new process does instead of measuring: answers the requests that come in. Returns whether this process is
/// such a one.
bool serve_as_worker(const Engine& engine);

}  // namespace bench
