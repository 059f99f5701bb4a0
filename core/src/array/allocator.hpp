// The recycling allocator: small blocks come in size classes, kept for reuse in bounded per-thread caches over shared
// bins; large ones are cut from a heap of pages (page_heap.hpp), where a freed block serves any size again.
//
// Thread safety: all functions, from any thread; a block may be freed by another thread than the one that allocated it.
//
// Invariants:
// 1. a block of class c is only ever reused for class c, until release_cached_memory();
// 2. a thread's cache holds at most 1 MiB per class, in two lists; further lists go to the shared bins;
// 3. the shared bins' lock is held across fork, so a child finds them whole;
// 4. under AddressSanitizer nothing is recycled, or it would hide the very errors it is for.
#pragma once

#include <cstddef>

namespace tapegrad::array {

/// Of every block, in bytes: a cache line, and the widest vector.
inline constexpr std::size_t kAlignment = 64;

/// At least `bytes` bytes, aligned to kAlignment. Throws std::bad_alloc.
void* allocate(std::size_t bytes);

/// REQUIRES: `block` came from allocate(bytes) with the same `bytes`.
void deallocate(void* block, std::size_t bytes) noexcept;

}  // namespace tapegrad::array
