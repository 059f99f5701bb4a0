// Memory for what lives as long as a tape's generation: bump allocation, everything freed at once, chunks kept for the
// next step.
#pragma once

#include <cstddef>
#include <vector>

#include "array/allocator.hpp"

namespace tapegrad {

class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() {
    for (std::byte* chunk : chunks_) array::deallocate(chunk, kChunk);
    for (const Large& large : large_) array::deallocate(large.block, large.bytes);
  }

  /// Uninitialised room. REQUIRES: alignment is a power of two, at most 64.
  void* allocate(std::size_t bytes, std::size_t alignment) {
    std::size_t start = (used_ + alignment - 1) & ~(alignment - 1);
    if (next_ == 0 || start + bytes > kChunk) {
      if (bytes > kChunk) {
        large_.push_back({array::allocate(bytes), bytes});
        return large_.back().block;
      }
      if (next_ == chunks_.size()) chunks_.push_back(static_cast<std::byte*>(array::allocate(kChunk)));
      ++next_;
      start = 0;
    }
    used_ = start + bytes;
    return chunks_[next_ - 1] + start;
  }

  template <class T>
  T* allocate(std::size_t count) {
    return static_cast<T*>(allocate(count * sizeof(T), alignof(T)));
  }

  struct Mark {
    std::size_t next;
    std::size_t used;
    std::size_t large;
  };
  Mark mark() const { return {next_, used_, large_.size()}; }
  /// Forgets what was allocated since a mark. REQUIRES: no reset() since.
  void rewind(const Mark& mark) {
    next_ = mark.next;
    used_ = mark.used;
    for (; large_.size() > mark.large; large_.pop_back()) array::deallocate(large_.back().block, large_.back().bytes);
  }

  /// Forgets everything, keeps the chunks. Destructors are the caller's business.
  void reset() { rewind({0, 0, 0}); }

 private:
  static constexpr std::size_t kChunk = std::size_t{1} << 18;
  struct Large {
    void* block;
    std::size_t bytes;
  };

  std::vector<std::byte*> chunks_;
  std::size_t next_ = 0;  // chunks in use
  std::size_t used_ = 0;  // bytes of the last of them
  std::vector<Large> large_;
};

}  // namespace tapegrad
