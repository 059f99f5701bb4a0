// What tapegrad's recycling allocator holds.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tapegrad {

struct MemoryStatistics {
  std::size_t bytes_in_use = 0;          ///< in live blocks, rounded up to size classes or pages
  std::size_t peak_bytes_in_use = 0;     ///< largest bytes_in_use since the start or reset_peak_memory()
  std::size_t bytes_cached = 0;          ///< free blocks kept for reuse
  std::uint64_t system_allocations = 0;  ///< how often memory was taken from the system: constant in a steady loop
};

/// Totals over all threads, without the scratch memory that kernels keep for each. Cheap enough to call once per
/// training step.
MemoryStatistics memory_statistics();

/// Starts a new measurement of peak_bytes_in_use.
void reset_peak_memory();

/// Gives the free blocks of the calling thread and of the shared bins back to the system.
void release_cached_memory();

}  // namespace tapegrad
