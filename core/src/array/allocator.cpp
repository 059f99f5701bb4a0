#include "array/allocator.hpp"

#include <pthread.h>

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>

#include "tapegrad/array/memory.hpp"

#if defined(__SANITIZE_ADDRESS__)
#define TAPEGRAD_RECYCLE 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TAPEGRAD_RECYCLE 0
#endif
#endif
#ifndef TAPEGRAD_RECYCLE
#define TAPEGRAD_RECYCLE 1
#endif

namespace tapegrad {
namespace array {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr int kStepsPerOctave =
    4;  // classes 64, 80, 96, 112, 128, 160 ... rounded up to the alignment: at most a quarter is lost
constexpr int kClasses = 4 * 31;  // up to 64 << 31 bytes
constexpr std::size_t kThreadCacheBytes = std::size_t{1} << 20;
constexpr std::size_t kSharedCacheBytes = std::size_t{4} << 30;

struct SizeClass {
  int index;
  std::size_t bytes;
};

constexpr SizeClass size_class(std::size_t bytes) {
  if (bytes <= kAlignment) return {0, kAlignment};
  const int octave = static_cast<int>(std::bit_width(bytes - 1)) - 1;  // 2^octave < bytes <= 2^(octave + 1)
  const std::size_t step = (std::size_t{1} << octave) / kStepsPerOctave;
  const std::size_t steps = (bytes - (std::size_t{1} << octave) + step - 1) / step;  // 1 to 4
  const std::size_t exact = (std::size_t{1} << octave) + steps * step;
  return {(octave - 6) * kStepsPerOctave + static_cast<int>(steps), (exact + kAlignment - 1) / kAlignment * kAlignment};
}

struct FreeBlock {
  FreeBlock* next;
};

struct FreeList {
  FreeBlock* head = nullptr;
  std::size_t count = 0;

  void push(void* block) {
    head = new (block) FreeBlock{head};
    ++count;
  }
  void* pop() {
    FreeBlock* block = head;
    head = block->next;
    --count;
    return block;
  }
};

std::atomic<std::size_t> live_bytes{0};
std::atomic<std::size_t> peak_bytes{0};
std::atomic<std::size_t> held_bytes{
    0};  // taken from the system and not given back, live or free: reuse touches no shared counter
std::atomic<std::uint64_t> system_allocations{0};

void* take_from_system(std::size_t bytes) {
  void* block = std::aligned_alloc(kAlignment, bytes);
  if (block == nullptr) throw std::bad_alloc();
  system_allocations.fetch_add(1, std::memory_order_relaxed);
  return block;
}

class SharedBins {
 public:
  SharedBins() {
    pthread_atfork([] { shared().mutex_.lock(); }, [] { shared().mutex_.unlock(); }, [] { shared().mutex_.unlock(); });
  }

  static SharedBins& shared() {
    static SharedBins* bins = new SharedBins;  // never destroyed: tensors with static storage outlive everything else
    return *bins;
  }

  /// Moves up to `count` blocks of a class into `list`; returns whether there was one.
  bool refill(FreeList& list, int index, std::size_t bytes, std::size_t count) {
    const std::lock_guard lock(mutex_);
    FreeList& bin = bins_[static_cast<std::size_t>(index)];
    for (; count > 0 && bin.count > 0; --count) {
      list.push(bin.pop());
      bytes_ -= bytes;
    }
    return list.count > 0;
  }

  /// Takes all but `keep` blocks of `list`; what exceeds the bound goes back to the system.
  void drain(FreeList& list, int index, std::size_t bytes, std::size_t keep) {
    const std::lock_guard lock(mutex_);
    while (list.count > keep) {
      void* block = list.pop();
      if (bytes_ + bytes > kSharedCacheBytes) {
        held_bytes.fetch_sub(bytes, std::memory_order_relaxed);
        std::free(block);
        continue;
      }
      bins_[static_cast<std::size_t>(index)].push(block);
      bytes_ += bytes;
    }
  }

  void release() {
    const std::lock_guard lock(mutex_);
    for (FreeList& bin : bins_)
      while (bin.count > 0) std::free(bin.pop());
    held_bytes.fetch_sub(bytes_, std::memory_order_relaxed);
    bytes_ = 0;
  }

 private:
  std::mutex mutex_;
  std::array<FreeList, kClasses> bins_{};
  std::size_t bytes_ = 0;
};

constexpr std::array<std::size_t, kClasses> make_class_bytes() {
  std::array<std::size_t, kClasses> bytes{};
  bytes[0] = kAlignment;
  for (int octave = 6; octave < 6 + kClasses / kStepsPerOctave; ++octave)
    for (int step = 1; step <= kStepsPerOctave; ++step) {
      const std::size_t index = static_cast<std::size_t>((octave - 6) * kStepsPerOctave + step);
      if (index < bytes.size())
        bytes[index] = size_class((std::size_t{1} << octave) +
                                  (std::size_t{1} << octave) / kStepsPerOctave * static_cast<std::size_t>(step))
                           .bytes;
    }
  return bytes;
}
constexpr std::array<std::size_t, kClasses> kClassBytes = make_class_bytes();

thread_local bool cache_gone = false;

struct ThreadCache {
  std::array<FreeList, kClasses> lists{};

  ThreadCache() = default;
  ThreadCache(const ThreadCache&) = delete;
  ThreadCache& operator=(const ThreadCache&) = delete;
  ~ThreadCache() {
    flush();
    cache_gone = true;
  }
  void flush() {
    for (int index = 0; index < kClasses; ++index) {
      FreeList& list = lists[static_cast<std::size_t>(index)];
      if (list.count > 0) SharedBins::shared().drain(list, index, kClassBytes[static_cast<std::size_t>(index)], 0);
    }
  }
};
thread_local ThreadCache thread_cache;

std::size_t thread_cache_count(std::size_t bytes) { return bytes >= kThreadCacheBytes ? 1 : kThreadCacheBytes / bytes; }

// Counted per thread and published in steps, so that the hot path touches no shared cache line.
constexpr std::ptrdiff_t kPublishBytes = 1 << 16;
thread_local std::ptrdiff_t unpublished_bytes = 0;

void publish_live_bytes() {
  const std::size_t now = live_bytes.fetch_add(static_cast<std::size_t>(unpublished_bytes), std::memory_order_relaxed) +
                          static_cast<std::size_t>(unpublished_bytes);
  unpublished_bytes = 0;
  std::size_t peak = peak_bytes.load(std::memory_order_relaxed);
  while (static_cast<std::ptrdiff_t>(now) > static_cast<std::ptrdiff_t>(peak) &&
         !peak_bytes.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {
  }
}

void count_live_bytes(std::ptrdiff_t change) {
  unpublished_bytes += change;
  if (unpublished_bytes > kPublishBytes || unpublished_bytes < -kPublishBytes) publish_live_bytes();
}

}  // namespace

void* allocate(std::size_t bytes) {
  const SizeClass c = size_class(bytes);
  void* block = nullptr;
  if (TAPEGRAD_RECYCLE == 0 || c.index >= kClasses || cache_gone) {
    block = take_from_system(TAPEGRAD_RECYCLE == 0 ? (bytes + kAlignment - 1) / kAlignment * kAlignment : c.bytes);
  } else {
    FreeList& list = thread_cache.lists[static_cast<std::size_t>(c.index)];
    if (list.count > 0 || SharedBins::shared().refill(list, c.index, c.bytes, (thread_cache_count(c.bytes) + 1) / 2)) {
      block = list.pop();
      count_live_bytes(static_cast<std::ptrdiff_t>(c.bytes));
      return block;
    }
    block = take_from_system(c.bytes);
    held_bytes.fetch_add(c.bytes, std::memory_order_relaxed);
  }
  count_live_bytes(static_cast<std::ptrdiff_t>(c.bytes));
  return block;
}

void deallocate(void* block, std::size_t bytes) noexcept {
  const SizeClass c = size_class(bytes);
  count_live_bytes(-static_cast<std::ptrdiff_t>(c.bytes));
  if (TAPEGRAD_RECYCLE == 0 || c.index >= kClasses) {
    std::free(block);
    return;
  }
  if (cache_gone) {
    FreeList list;
    list.push(block);
    SharedBins::shared().drain(list, c.index, c.bytes, 0);
    return;
  }
  FreeList& list = thread_cache.lists[static_cast<std::size_t>(c.index)];
  list.push(block);
  const std::size_t limit = thread_cache_count(c.bytes);
  if (list.count > limit) SharedBins::shared().drain(list, c.index, c.bytes, limit / 2);
}

}  // namespace array

MemoryStatistics memory_statistics() {
  array::publish_live_bytes();
  MemoryStatistics s;
  s.bytes_in_use = array::live_bytes.load();
  s.peak_bytes_in_use = array::peak_bytes.load();
  const std::size_t taken = array::held_bytes.load();
  s.bytes_cached = taken > s.bytes_in_use ? taken - s.bytes_in_use : 0;
  s.system_allocations = array::system_allocations.load();
  return s;
}

void reset_peak_memory() {
  array::publish_live_bytes();
  array::peak_bytes.store(array::live_bytes.load());
}

void release_cached_memory() {
  if (!array::cache_gone) array::thread_cache.flush();
  array::SharedBins::shared().release();
}

}  // namespace tapegrad
