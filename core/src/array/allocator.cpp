#include "array/allocator.hpp"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>
#include <utility>

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
constexpr std::size_t kSmallClasses = kSmall / kAlignment;
constexpr std::size_t kStepsPerOctave = 4;  // from there 1280, 1536, 1792, 2048, 2560 ...: at most a quarter is lost
constexpr std::size_t kClasses = kSmallClasses + kStepsPerOctave * 8;
constexpr std::size_t kLargestClass = std::size_t{1} << 18;  // larger blocks belong to the page heap alone
// From here on a class takes its blocks from the page heap, below from the system.
constexpr std::size_t kSmallestPages = kRecycles ? std::size_t{1} << 16 : SIZE_MAX;
constexpr std::size_t kMostBytes = PTRDIFF_MAX;                 // of one block; no processor has more addresses
constexpr std::size_t kThreadListBytes = std::size_t{1} << 19;  // a thread has at most two lists of a class
constexpr std::size_t kSharedCacheBytes = std::size_t{4} << 30;

struct SizeClass {
  std::size_t index;
  std::size_t bytes;
};

/// REQUIRES: bytes <= kMostBytes. What belongs to no class has index kClasses: large blocks, and all that are not
/// recycled.
constexpr SizeClass size_class(std::size_t bytes) {
  if (bytes <= kSmall) {
    const std::size_t rounded = round_up(std::max<std::size_t>(bytes, 1), kAlignment);
    return {rounded / kAlignment - 1, rounded};
  }
  if (bytes > kLargestClass) return {kClasses, round_up(bytes, PageHeap::kPage)};
  const std::size_t octave =
      static_cast<std::size_t>(std::bit_width(bytes - 1)) - 1;  // 2^octave < bytes <= 2^(octave + 1)
  const std::size_t base = std::size_t{1} << octave;
  const std::size_t step_bits = octave - std::countr_zero(kStepsPerOctave);
  const std::size_t step = std::size_t{1} << step_bits;
  const std::size_t steps = (bytes - base + step - 1) >> step_bits;  // 1 to 4
  return {kSmallClasses + (octave - 10) * kStepsPerOctave + steps - 1, base + steps * step};
}

struct FreeBlock {
  FreeBlock* next;
  // Of the first of a list in the shared bins alone.
  FreeBlock* next_list;
  std::size_t list_count;
};

struct FreeList {
  FreeBlock* head = nullptr;
  std::size_t count = 0;

  void push(void* block) {
    auto* const first = new (block) FreeBlock;
    first->next = head;
    head = first;
    ++count;
  }
  void* pop() {
    FreeBlock* block = head;
    head = block->next;
    --count;
    return block;
  }
  /// Begins to fetch the block that comes next, of which a long tape's lie in no near cache: its link, and the line
  /// after the next one, which the processor does not fetch along with it.
  void fetch_next() const {
    if (head == nullptr) return;
    const auto* const block = reinterpret_cast<const std::byte*>(head);
    __builtin_prefetch(block);
    __builtin_prefetch(block + 2 * kAlignment);
  }
};

// Signed: a thread may have given back what another has allocated and not published yet.
std::atomic<std::ptrdiff_t> live_bytes{0};
std::atomic<std::ptrdiff_t> peak_bytes{0};

/// What threads share: bins of free blocks and, under them, the system and the page heap. Threads bring and take whole
/// lists, and nobody reads their blocks meanwhile: they may have left the cache long ago.
class SharedBins {
 public:
  SharedBins() {
    pthread_atfork([] { shared().mutex_.lock(); }, [] { shared().mutex_.unlock(); }, [] { shared().mutex_.unlock(); });
  }

  static SharedBins& shared() {
    static SharedBins* bins = new SharedBins;  // never destroyed: tensors with static storage outlive everything else
    return *bins;
  }

  /// A list of blocks of a class; empty when there is none.
  FreeList take_list(std::size_t index, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    FreeBlock*& bin = bins_[index];
    if (bin == nullptr) return {};
    const FreeList list{bin, bin->list_count};
    bin = bin->next_list;
    bytes_ -= list.count * bytes;
    return list;
  }

  /// Takes over a list of blocks of a class, which leave the bins where they exceed the bound.
  void give_list(FreeList list, std::size_t index, std::size_t bytes) noexcept {
    if (list.count == 0) return;
    const std::lock_guard lock(mutex_);
    if (bytes_ + list.count * bytes > kSharedCacheBytes) {
      give_all_below(list, bytes);
      return;
    }
    FreeBlock*& bin = bins_[index];
    list.head->next_list = bin;
    list.head->list_count = list.count;
    bin = list.head;
    bytes_ += list.count * bytes;
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

  void give_all_below(FreeList list, std::size_t bytes) noexcept {
    while (list.count > 0) give_below(list.pop(), bytes);
  }

  std::mutex mutex_;
  std::array<FreeBlock*, kClasses> bins_{};  // the first block of the first list
  std::size_t bytes_ = 0;                    // in the bins
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
  for (std::size_t index = 0; index < bins_.size(); ++index) {
    while (bins_[index] != nullptr) {
      const FreeList list{bins_[index], bins_[index]->list_count};
      bins_[index] = bins_[index]->next_list;
      give_all_below(list, kClassBytes[index]);
    }
  }
  bytes_ = 0;
  pages_.release();
}

static_assert(kLargestClass <= kThreadListBytes);

/// A thread's free blocks of one class. The second list is full or empty, so that a thread that allocates and frees
/// around any one count never goes to the shared bins.
struct CachedClass {
  FreeList list;
  FreeList second;
};

/// Trivial, so that reaching it costs no guard; a separate object gives its blocks back when the thread ends.
struct ThreadCache {
  enum class State : unsigned char { fresh, in_use, gone };
  std::array<CachedClass, kClasses> classes{};  // empty unless in use
  // Live bytes, counted per thread and published in steps, so that the hot path touches no shared cache line.
  std::ptrdiff_t unpublished_bytes = 0;
  State state = State::fresh;

  /// Counts live bytes, unless they are to be published.
  bool count(std::ptrdiff_t change) {
    constexpr std::ptrdiff_t kPublishBytes = 1 << 16;
    const std::ptrdiff_t sum = unpublished_bytes + change;
    if (sum > kPublishBytes || sum < -kPublishBytes) return false;
    unpublished_bytes = sum;
    return true;
  }

  void flush() {
    for (std::size_t index = 0; index < kClasses; ++index) {
      auto& [list, second] = classes[index];
      const std::size_t bytes = kClassBytes[index];
      SharedBins::shared().give_list(std::exchange(list, {}), index, bytes);
      SharedBins::shared().give_list(std::exchange(second, {}), index, bytes);
    }
  }
};
constinit thread_local ThreadCache thread_cache;
/// This thread's cache while it is in use, else null.
constinit thread_local ThreadCache* open_cache = nullptr;

void publish_live_bytes() {
  const std::ptrdiff_t change = std::exchange(thread_cache.unpublished_bytes, 0);
  const std::ptrdiff_t now = live_bytes.fetch_add(change, std::memory_order_relaxed) + change;
  std::ptrdiff_t peak = peak_bytes.load(std::memory_order_relaxed);
  while (now > peak && !peak_bytes.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {
  }
}

struct AtThreadExit {
  AtThreadExit() = default;
  AtThreadExit(const AtThreadExit&) = delete;
  AtThreadExit& operator=(const AtThreadExit&) = delete;
  ~AtThreadExit() {
    thread_cache.flush();
    thread_cache.state = ThreadCache::State::gone;
    open_cache = nullptr;
    publish_live_bytes();
  }
};

/// Whether this thread's cache may be used; the first call of a thread arranges for its end.
bool cache_usable(ThreadCache& cache) {
  if (cache.state == ThreadCache::State::in_use) return true;
  if (cache.state == ThreadCache::State::gone) return false;
  static thread_local const AtThreadExit at_exit;
  (void)at_exit;
  cache.state = ThreadCache::State::in_use;
  open_cache = &cache;
  return true;
}

/// Counts live bytes. A thread whose cache has died (others of its objects die later) will not publish again by itself.
void count_live_bytes(ThreadCache& cache, std::ptrdiff_t change) {
  const bool counted = cache.count(change);
  if (counted && cache.state != ThreadCache::State::gone) return;
  if (!counted) cache.unpublished_bytes += change;
  publish_live_bytes();
}

std::size_t at_least_none(std::ptrdiff_t bytes) { return static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, bytes)); }

/// The class that a block is counted and reused in.
SizeClass block_class(std::size_t bytes) {
  if constexpr (kRecycles) return size_class(bytes);
  return {kClasses, round_up(bytes, kAlignment)};  // exact, for the red zones
}

/// Whether a thread's list of a class takes another block.
bool has_room(const FreeList& list, const SizeClass& c) { return (list.count + 1) * c.bytes <= kThreadListBytes; }

/// Whether a block is recycled, and its class a multiple of the alignment.
bool is_small(std::size_t bytes) { return kRecycles && bytes > 0 && bytes <= kSmall; }

/// Any block, from wherever there is one.
[[gnu::noinline]] void* allocate_anywhere(std::size_t bytes) {
  if (bytes > kMostBytes) throw std::bad_alloc();
  const SizeClass c = block_class(bytes);
  ThreadCache& cache = thread_cache;
  void* block = nullptr;
  if (c.index < kClasses && cache_usable(cache)) {
    auto& [list, second] = cache.classes[c.index];
    if (list.count == 0)
      list = second.count > 0 ? std::exchange(second, {}) : SharedBins::shared().take_list(c.index, c.bytes);
    if (list.count > 0) block = list.pop();
  }
  if (block == nullptr) block = SharedBins::shared().take(c.bytes);
  count_live_bytes(cache, static_cast<std::ptrdiff_t>(c.bytes));
  return block;
}

/// Any block, to wherever there is room.
[[gnu::noinline]] void deallocate_anywhere(void* block, std::size_t bytes) noexcept {
  const SizeClass c = block_class(bytes);
  ThreadCache& cache = thread_cache;
  if (c.index >= kClasses) {
    SharedBins::shared().give(block, c.bytes);
  } else if (cache_usable(cache)) {
    auto& [list, second] = cache.classes[c.index];
    if (!has_room(list, c))
      SharedBins::shared().give_list(std::exchange(second, std::exchange(list, {})), c.index, c.bytes);
    list.push(block);
  } else {
    FreeList alone;
    alone.push(block);
    SharedBins::shared().give_list(alone, c.index, c.bytes);
  }
  count_live_bytes(cache, -static_cast<std::ptrdiff_t>(c.bytes));
}

}  // namespace

// A small block that this thread's cache has, or has room for, costs no more than this. The cache is asked for first:
// where that is a call, little has to be kept across it.

void* allocate(std::size_t bytes) {
  if (ThreadCache* const cache = open_cache; cache != nullptr && is_small(bytes)) [[likely]] {
    const SizeClass c = size_class(bytes);
    FreeList& list = cache->classes[c.index].list;
    if (list.count > 0 && cache->count(static_cast<std::ptrdiff_t>(c.bytes))) [[likely]] {
      void* const block = list.pop();
      list.fetch_next();
      return block;
    }
  }
  return allocate_anywhere(bytes);
}

void deallocate(void* block, std::size_t bytes) noexcept {
  if (ThreadCache* const cache = open_cache; cache != nullptr && is_small(bytes)) [[likely]] {
    const SizeClass c = size_class(bytes);
    FreeList& list = cache->classes[c.index].list;
    if (has_room(list, c) && cache->count(-static_cast<std::ptrdiff_t>(c.bytes))) [[likely]] {
      list.push(block);
      return;
    }
  }
  deallocate_anywhere(block, bytes);
}

}  // namespace array

MemoryStatistics memory_statistics() {
  array::publish_live_bytes();
  MemoryStatistics s;
  s.bytes_in_use = array::at_least_none(array::live_bytes.load());
  s.peak_bytes_in_use = array::at_least_none(array::peak_bytes.load());
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
