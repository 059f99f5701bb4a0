// Blocks of many pages, cut from address space that is reserved in advance. A freed block joins the free ones beside
// it, so that memory serves any size: what held the activations of a layer holds gradients later.
//
// Not thread-safe: the allocator's lock guards it. Its regions stay mapped: it lives as long as the process.
//
// Invariants:
// 1. the free ranges are sorted by address, and no two of one region touch;
// 2. every byte of a region below its top is in one live block or in one free range;
// 3. giving a block back needs no memory: there is room for one more free range per live block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tapegrad::array {

class PageHeap {
 public:
  /// What sizes are rounded up to, and every block is aligned to, in bytes.
  static constexpr std::size_t kPage = 4096;

  PageHeap() = default;
  PageHeap(const PageHeap&) = delete;
  PageHeap& operator=(const PageHeap&) = delete;

  /// From the lowest addresses that have room: what lives long gathers there, and the rest stays in one piece.
  /// REQUIRES: bytes is a multiple of kPage and not 0. Throws std::bad_alloc.
  void* take(std::size_t bytes);

  /// REQUIRES: `block` came from take(bytes) with the same `bytes`.
  void give(void* block, std::size_t bytes) noexcept;

  /// Gives the pages of all free ranges back to the system; their addresses stay for reuse.
  void release() noexcept;

  /// Taken from the system and not given back, in bytes, whether in live blocks or free.
  std::size_t held() const { return held_; }

  /// How often a block needed pages that were not held.
  std::uint64_t growths() const { return growths_; }

 private:
  /// Address space; above `top` no page has been touched.
  struct Region {
    std::byte* begin;
    std::byte* top;
    std::byte* end;
  };
  struct Range {
    std::byte* begin;
    std::size_t bytes;
    std::size_t returned;  // of them, to the system

    std::byte* end() const { return begin + bytes; }
    std::size_t resident() const { return bytes - returned; }
  };
  using Ranges = std::vector<Range>;

  Ranges::iterator first_from(const std::byte* address);
  void* cut(Ranges::iterator range, std::size_t bytes);
  void* extend(Region& region, std::size_t bytes);
  bool one_region(const std::byte* a, const std::byte* b) const;
  void return_pages(Range& range) noexcept;

  std::vector<Region> regions_;
  Ranges free_;
  std::size_t live_ = 0;  // blocks
  std::size_t held_ = 0;  // bytes
  std::size_t idle_ = 0;  // bytes of held_ in free ranges
  std::uint64_t growths_ = 0;
};

}  // namespace tapegrad::array
