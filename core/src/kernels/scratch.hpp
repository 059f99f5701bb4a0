// Memory that a thread keeps from call to call, so that kernels allocate nothing in steady state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace tapegrad::kernels {

/// A buffer that grows and never shrinks. Hold it as `thread_local` in the function that uses it: what it hands out
/// lives until that function asks again on the same thread.
class Scratch {
 public:
  /// Uninitialised room for `count` trivial T, aligned to a cache line. Throws std::bad_alloc.
  template <class T>
  T* get(std::int64_t count) {
    constexpr std::int64_t kMost = PTRDIFF_MAX / 2 / static_cast<std::int64_t>(sizeof(T));  // half as much again fits
    if (count < 0 || count > kMost) throw std::bad_alloc();
    const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(T);
    if (bytes > bytes_ || !memory_) {
      const std::size_t room = bytes + bytes / 2 + kAlignment;
      memory_.reset();
      bytes_ = 0;
      memory_.reset(static_cast<std::byte*>(::operator new(room, std::align_val_t(kAlignment))));
      bytes_ = room;
    }
    return reinterpret_cast<T*>(memory_.get());
  }

 private:
  static constexpr std::size_t kAlignment = 64;
  struct Free {
    void operator()(std::byte* p) const { ::operator delete(p, std::align_val_t(kAlignment)); }
  };
  std::unique_ptr<std::byte, Free> memory_;
  std::size_t bytes_ = 0;
};

}  // namespace tapegrad::kernels
