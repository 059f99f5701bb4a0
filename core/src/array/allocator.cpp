#include "array/allocator.hpp"

#include <pthread.h>

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>

#include "array/page_heap.hpp"
#include "array/round_up.hpp"
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

constexpr bool kRecycles = TAPEGRAD_RECYCLE == 1;
constexpr std::size_t kSmall = 1024;  // up to here the classes are the multiples of the alignment
constexpr int kSmallClasses = kSmall / kAlignment;
constexpr int kStepsPerOctave = 4;  // from there 1280, 1536, 1792, 2048, 2560 ...: at most a quarter is lost
constexpr int kClasses = kSmallClasses + kStepsPerOctave * 8;
constexpr std::size_t kLargestClass = std::size_t{1} << 18;  // larger blocks belong to the page heap alone
// From here on a class takes its blocks from the page heap, below from the system.
constexpr std::size_t kSmallestPages = kRecycles ? std::size_t{1} << 16 : SIZE_MAX;
constexpr std::size_t kMostBytes = PTRDIFF_MAX;  // of one block; no processor has more addresses
constexpr std::size_t kThreadCacheBytes = std::size_t{1} << 20;
constexpr std::size_t kSharedCacheBytes = std::size_t{4} << 30;

struct SizeClass {
  int index;
  std::size_t bytes;
};

/// REQUIRES: bytes <= kMostBytes. What belongs to no class has index kClasses: large blocks, and all that are not
/// recycled.
constexpr SizeClass size_class(std::size_t bytes) {
  if (bytes > kLargestClass) return {kClasses, round_up(bytes, PageHeap::kPage)};
  if (bytes <= kSmall) {
    const std::size_t steps = bytes <= kAlignment ? 1 : (bytes + kAlignment - 1) / kAlignment;
    return {static_cast<int>(steps) - 1, steps * kAlignment};
  }
  const int octave = static_cast<int>(std::bit_width(bytes - 1)) - 1;  // 2^octave < bytes <= 2^(octave + 1)
  const std::size_t base = std::size_t{1} << octave;
  const std::size_t step = base / kStepsPerOctave;
  const std::size_t steps = (bytes - base + step - 1) / step;  // 1 to 4
  return {kSmallClasses + (octave - 10) * kStepsPerOctave + static_cast<int>(steps) - 1, base + steps * step};
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

/// What threads share: bins of free blocks and, under them, the system and the page heap.
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

  /// Takes all but `keep` blocks of `list`; what exceeds the bound leaves the bins.
  void drain(FreeList& list, int index, std::size_t bytes, std::size_t keep) {
    const std::lock_guard lock(mutex_);
    while (list.count > keep) {
      void* block = list.pop();
      if (bytes_ + bytes > kSharedCacheBytes) {
        give_below(block, bytes);
        continue;
      }
      bins_[static_cast<std::size_t>(index)].push(block);
      bytes_ += bytes;
    }
  }

  /// A block that no bin has.
  void* take(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    if (bytes >= kSmallestPages) return pages_.take(bytes);
    void* const block = std::aligned_alloc(kAlignment, bytes);
    if (block == nullptr) throw std::bad_alloc();
    ++system_allocations_;
    held_ += bytes;
    return block;
  }

  /// A block for which there is no bin.
  void give(void* block, std::size_t bytes) noexcept {
    const std::lock_guard lock(mutex_);
    give_below(block, bytes);
  }

  void release();

  std::uint64_t system_allocations() {
    const std::lock_guard lock(mutex_);
    return system_allocations_ + pages_.growths();
  }

  /// Taken from the system and not given back, live or free.
  std::size_t held() {
    const std::lock_guard lock(mutex_);
    return held_ + pages_.held();
  }

 private:
  void give_below(void* block, std::size_t bytes) noexcept {
    if (bytes >= kSmallestPages) {
      pages_.give(block, bytes);
    } else {
      held_ -= bytes;
      std::free(block);
    }
  }

  std::mutex mutex_;
  std::array<FreeList, kClasses> bins_{};
  std::size_t bytes_ = 0;  // in the bins
  PageHeap pages_;
  std::size_t held_ = 0;  // not counting the page heap
  std::uint64_t system_allocations_ = 0;
};

/// The bytes of each class: size_class() read backwards.
constexpr std::array<std::size_t, kClasses> make_class_bytes() {
  std::array<std::size_t, kClasses> bytes{};
  std::size_t next = 1;
  for (std::size_t& b : bytes) {
    b = size_class(next).bytes;
    next = b + 1;
  }
  return bytes;
}
constexpr std::array<std::size_t, kClasses> kClassBytes = make_class_bytes();

void SharedBins::release() {
  const std::lock_guard lock(mutex_);
  for (std::size_t index = 0; index < bins_.size(); ++index)
    while (bins_[index].count > 0) give_below(bins_[index].pop(), kClassBytes[index]);
  bytes_ = 0;
  pages_.release();
}

std::size_t thread_cache_count(std::size_t bytes) { return bytes >= kThreadCacheBytes ? 1 : kThreadCacheBytes / bytes; }

/// Trivial, so that reaching it costs no guard; a separate object gives its blocks back when the thread ends.
struct ThreadCache {
  enum class State : unsigned char { fresh, in_use, gone };
  std::array<FreeList, kClasses> lists{};
  State state = State::fresh;

  void flush() {
    for (int index = 0; index < kClasses; ++index) {
      FreeList& list = lists[static_cast<std::size_t>(index)];
      if (list.count > 0) SharedBins::shared().drain(list, index, kClassBytes[static_cast<std::size_t>(index)], 0);
    }
  }
};
constinit thread_local ThreadCache thread_cache;

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

struct AtThreadExit {
  AtThreadExit() = default;
  AtThreadExit(const AtThreadExit&) = delete;
  AtThreadExit& operator=(const AtThreadExit&) = delete;
  ~AtThreadExit() {
    thread_cache.flush();
    thread_cache.state = ThreadCache::State::gone;
    publish_live_bytes();
  }
};

/// Whether this thread's cache may be used; the first call of a thread arranges for its end.
bool cache_usable() {
  if (thread_cache.state == ThreadCache::State::in_use) [[likely]]
    return true;
  if (thread_cache.state == ThreadCache::State::gone) return false;
  static thread_local const AtThreadExit at_exit;
  (void)at_exit;
  thread_cache.state = ThreadCache::State::in_use;
  return true;
}

void count_live_bytes(std::ptrdiff_t change) {
  unpublished_bytes += change;
  if (unpublished_bytes > kPublishBytes || unpublished_bytes < -kPublishBytes) publish_live_bytes();
}

void* take(const SizeClass& c) {
  if (c.index < kClasses && cache_usable()) {
    FreeList& list = thread_cache.lists[static_cast<std::size_t>(c.index)];
    if (list.head != nullptr) [[likely]]
      return list.pop();
    if (SharedBins::shared().refill(list, c.index, c.bytes, (thread_cache_count(c.bytes) + 1) / 2)) return list.pop();
  }
  return SharedBins::shared().take(c.bytes);
}

/// The class that a block is counted and reused in.
SizeClass block_class(std::size_t bytes) {
  if constexpr (kRecycles) return size_class(bytes);
  return {kClasses, round_up(bytes, kAlignment)};  // exact, for the red zones
}

}  // namespace

void* allocate(std::size_t bytes) {
  if (bytes > kMostBytes) throw std::bad_alloc();
  const SizeClass c = block_class(bytes);
  void* const block = take(c);
  count_live_bytes(static_cast<std::ptrdiff_t>(c.bytes));  // after what may throw
  return block;
}

void deallocate(void* block, std::size_t bytes) noexcept {
  const SizeClass c = block_class(bytes);
  count_live_bytes(-static_cast<std::ptrdiff_t>(c.bytes));
  if (c.index >= kClasses) {
    SharedBins::shared().give(block, c.bytes);
    return;
  }
  if (!cache_usable()) {
    FreeList list;
    list.push(block);
    SharedBins::shared().drain(list, c.index, c.bytes, 0);
    return;
  }
  FreeList& list = thread_cache.lists[static_cast<std::size_t>(c.index)];
  list.push(block);
  if (list.count * c.bytes > kThreadCacheBytes && list.count > 1)
    SharedBins::shared().drain(list, c.index, c.bytes, thread_cache_count(c.bytes) / 2);
}

}  // namespace array

MemoryStatistics memory_statistics() {
  array::publish_live_bytes();
  MemoryStatistics s;
  s.bytes_in_use = array::live_bytes.load();
  s.peak_bytes_in_use = array::peak_bytes.load();
  const std::size_t held = array::SharedBins::shared().held();
  s.bytes_cached = held > s.bytes_in_use ? held - s.bytes_in_use : 0;
  s.system_allocations = array::SharedBins::shared().system_allocations();
  return s;
}

void reset_peak_memory() {
  array::publish_live_bytes();
  array::peak_bytes.store(array::live_bytes.load());
}

void release_cached_memory() {
  array::thread_cache.flush();
  array::SharedBins::shared().release();
}

}  // namespace tapegrad
