#include "array/page_heap.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <new>

#include "array/round_up.hpp"

namespace tapegrad::array {

namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kRegion = std::size_t{1} << 30;
constexpr std::size_t kMostIdle = std::size_t{4} << 30;  // beyond it what is freed goes back to the system

/// Address space from a multiple of kHugePage on, or nullptr.
std::byte* reserve(std::size_t bytes) {
  const std::size_t mapped = bytes + kHugePage;
  // A region stands for memory that may never be used; an array that is larger will be, and what the machine cannot
  // have is better refused now than found missing while it is written.
  const int unused = bytes <= kRegion ? MAP_NORESERVE : 0;
  void* const where = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | unused, -1, 0);
  if (where == MAP_FAILED) return nullptr;
  auto* const first = static_cast<std::byte*>(where);
  const std::size_t before =
      round_up(reinterpret_cast<std::uintptr_t>(where), kHugePage) - reinterpret_cast<std::uintptr_t>(where);
  if (before > 0) munmap(first, before);
  munmap(first + before + bytes, mapped - before - bytes);
#ifdef MADV_HUGEPAGE
  // A wish: matrices of megabytes would fill the TLB with small pages. A program that needs no megabytes is given none.
  madvise(first + before + kHugePage, bytes - kHugePage, MADV_HUGEPAGE);
#endif
  return first + before;
}

}  // namespace

void* PageHeap::take(std::size_t bytes) {
  const std::size_t ranges = free_.size() + live_ + 1;
  if (free_.capacity() < ranges) free_.reserve(2 * ranges);

  const auto first = std::find_if(free_.begin(), free_.end(), [&](const Range& r) { return r.bytes >= bytes; });
  if (first != free_.end()) return cut(first, bytes);

  for (Region& region : regions_)
    if (void* const block = extend(region, bytes)) return block;

  regions_.reserve(regions_.size() + 1);
  std::size_t space = round_up(bytes, kRegion);
  std::byte* begin = reserve(space);
  if (begin == nullptr) {  // the address space is limited
    space = round_up(bytes, kHugePage);
    begin = reserve(space);
  }
  if (begin == nullptr) throw std::bad_alloc();
  regions_.push_back({begin, begin, begin + space});
  return extend(regions_.back(), bytes);
}

/// The first free range that does not begin below an address.
PageHeap::Ranges::iterator PageHeap::first_from(const std::byte* address) {
  return std::lower_bound(free_.begin(), free_.end(), address,
                          [](const Range& r, const std::byte* p) { return r.begin < p; });
}

void* PageHeap::cut(Ranges::iterator range, std::size_t bytes) {
  // Which of the range's pages are with the system is not known one by one: the block is said to have the others.
  const std::size_t fetched = bytes - std::min(range->resident(), bytes);
  if (fetched > 0) ++growths_;
  held_ += fetched;
  idle_ -= bytes - fetched;
  ++live_;
  void* const block = range->begin;
  range->begin += bytes;
  range->bytes -= bytes;
  range->returned -= fetched;
  if (range->bytes == 0) free_.erase(range);
  return block;
}

/// A block that ends at a new top, beginning with the free range below the old one; nullptr if the region is too small.
void* PageHeap::extend(Region& region, std::size_t bytes) {
  auto last = std::find_if(free_.begin(), free_.end(), [&](const Range& r) { return r.end() == region.top; });
  const std::size_t missing = last == free_.end() ? bytes : bytes - last->bytes;
  if (missing > static_cast<std::size_t>(region.end - region.top)) return nullptr;
  if (last == free_.end()) last = free_.insert(first_from(region.top), {region.top, 0, 0});
  region.top += missing;
  last->bytes += missing;
  last->returned += missing;  // the system has them still
  return cut(last, bytes);
}

bool PageHeap::one_region(const std::byte* a, const std::byte* b) const {
  return std::any_of(regions_.begin(), regions_.end(), [&](const Region& region) {
    return region.begin <= a && a < region.end && region.begin <= b && b < region.end;
  });
}

void PageHeap::give(void* block, std::size_t bytes) noexcept {
  auto* const begin = static_cast<std::byte*>(block);
  --live_;
  idle_ += bytes;
  const auto joins = [&](const Range& below, const Range& above) {
    return below.end() == above.begin && one_region(below.begin, above.begin);
  };
  auto next = free_.insert(first_from(begin), {begin, bytes, 0});
  const auto absorb = [&](Ranges::iterator above) {
    const auto below = above - 1;
    below->bytes += above->bytes;
    below->returned += above->returned;
    free_.erase(above);
    return below;
  };
  if (next + 1 != free_.end() && joins(*next, *(next + 1))) next = absorb(next + 1);
  if (next != free_.begin() && joins(*(next - 1), *next)) next = absorb(next);
  if (idle_ > kMostIdle) return_pages(*next);
}

void PageHeap::return_pages(Range& range) noexcept {
  if (madvise(range.begin, range.bytes, MADV_DONTNEED) != 0) return;  // the system's pages are larger than ours
  held_ -= range.resident();
  idle_ -= range.resident();
  range.returned = range.bytes;
}

void PageHeap::release() noexcept {
  for (Range& range : free_)
    if (range.resident() > 0) return_pages(range);
}

}  // namespace tapegrad::array
