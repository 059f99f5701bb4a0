// Memory for what lives as long as a tape's generation: bump allocation, everything freed at once, chunks kept for the
// next step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "array/allocator.hpp"
#include "array/round_up.hpp"

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

  static constexpr std::size_t kAlignment = 8;  // of all that is not asked to be aligned otherwise

  /// Uninitialised room.
  void* allocate(std::size_t bytes) {
    std::byte* const start = top_;
    if (bytes > static_cast<std::size_t>(end_ - start)) [[unlikely]]
      return allocate_beyond(bytes);
    top_ = start + array::round_up(bytes, kAlignment);
    return start;
  }

  /// REQUIRES: alignment is a power of two, at most 64.
  void* allocate(std::size_t bytes, std::size_t alignment) {
    if (alignment > kAlignment) [[unlikely]]
      top_ += -reinterpret_cast<std::uintptr_t>(top_) & (alignment - 1);
    return allocate(bytes);
  }

  template <class T>
  T* allocate(std::size_t count) {
    static_assert(alignof(T) <= kAlignment);
    return static_cast<T*>(allocate(count * sizeof(T)));
  }

  struct Mark {
    std::byte* top;
    std::size_t next;
    std::size_t large;
  };
  Mark mark() const { return {top_, next_, large_.size()}; }
  /// Forgets what was allocated since a mark. REQUIRES: no reset() since.
  void rewind(const Mark& mark) {
    top_ = mark.top;
    next_ = mark.next;
    end_ = next_ > 0 ? chunks_[next_ - 1] + kChunk : nullptr;
    if (large_.size() > mark.large) [[unlikely]]
      free_large(mark.large);
  }

  /// Forgets everything, keeps the chunks. Destructors are the caller's business.
  void reset() { rewind({nullptr, 0, 0}); }

 private:
  static constexpr std::size_t kChunk = std::size_t{1} << 18;
  // A chunk's end is aligned like its beginning: rounding up, of sizes and to alignments, never leads beyond it.
  static_assert(kChunk % array::kAlignment == 0);
  struct Large {
    void* block;
    std::size_t bytes;
  };

  /// Room for one more in a list, so that a block that has been allocated is not lost.
  template <class T>
  static void make_room(std::vector<T>& list) {
    if (list.size() == list.capacity()) list.reserve(2 * list.size() + 4);
  }

  /// Room that the last chunk in use does not have.
  [[gnu::noinline]] void* allocate_beyond(std::size_t bytes) {
    if (bytes > kChunk) {
      make_room(large_);
      large_.push_back({array::allocate(bytes), bytes});
      return large_.back().block;
    }
    if (next_ == chunks_.size()) {
      make_room(chunks_);
      chunks_.push_back(static_cast<std::byte*>(array::allocate(kChunk)));
    }
    std::byte* const start = chunks_[next_++];
    top_ = start + array::round_up(bytes, kAlignment);
    end_ = start + kChunk;
    return start;
  }

  [[gnu::noinline]] void free_large(std::size_t from) {
    for (; large_.size() > from; large_.pop_back()) array::deallocate(large_.back().block, large_.back().bytes);
  }

  std::byte* top_ = nullptr;  // from here to the end the last chunk in use is free
  std::byte* end_ = nullptr;
  std::vector<std::byte*> chunks_;
  std::size_t next_ = 0;  // chunks in use
  std::vector<Large> large_;
};

}  // namespace tapegrad
