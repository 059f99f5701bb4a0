#include "array/page_heap.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <map>
#include <new>
#include <random>
#include <vector>

using tapegrad::array::PageHeap;

namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;
constexpr std::size_t kGiB = std::size_t{1} << 30;

/// The address space that this process uses, in bytes.
std::size_t address_space() {
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(page_heap)

BOOST_AUTO_TEST_CASE(free_neighbours_join_in_any_order) {
  const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  for (const auto& order : orders) {
    PageHeap heap;
    void* const below = heap.take(kMiB);
    void* const blocks[] = {heap.take(kMiB), heap.take(2 * kMiB), heap.take(kMiB)};
    void* const above = heap.take(kMiB);
    for (const int i : order) heap.give(blocks[i], i == 1 ? 2 * kMiB : kMiB);
    const std::uint64_t growths = heap.growths();
    BOOST_TEST(heap.take(4 * kMiB) == blocks[0]);
    BOOST_TEST(heap.growths() == growths);
    BOOST_TEST(heap.held() == 6 * kMiB);
    heap.give(blocks[0], 4 * kMiB);
    heap.give(above, kMiB);
    heap.give(below, kMiB);
  }
}

BOOST_AUTO_TEST_CASE(the_lowest_room_comes_first) {
  PageHeap heap;
  void* const low = heap.take(3 * kMiB);
  void* const wall = heap.take(kMiB);
  void* const high = heap.take(kMiB);
  heap.take(kMiB);
  heap.give(low, 3 * kMiB);
  heap.give(high, kMiB);
  BOOST_TEST(heap.take(kMiB) == low);  // though `high` would fit without a rest
  heap.give(wall, kMiB);
  BOOST_TEST(heap.take(4 * kMiB) == static_cast<std::byte*>(low) + kMiB);
}

// The last free range is the beginning of what is larger than it.
BOOST_AUTO_TEST_CASE(the_heap_grows_by_what_is_missing) {
  PageHeap heap;
  heap.take(kMiB);
  void* const last = heap.take(kMiB);
  heap.give(last, kMiB);
  BOOST_TEST(heap.take(3 * kMiB) == last);
  BOOST_TEST(heap.held() == 4 * kMiB);
}

BOOST_AUTO_TEST_CASE(blocks_never_overlap) {
  PageHeap heap;
  std::mt19937 random(1);
  std::map<std::byte*, std::size_t> live;
  std::byte *lowest = nullptr, *highest = nullptr;
  std::size_t in_use = 0;
  int wrong = 0;
  const auto tag = [](const std::byte* block) {
    return static_cast<int>(reinterpret_cast<std::uintptr_t>(block) >> 12);
  };
  const auto expect_whole = [&](std::byte* block, std::size_t bytes) {
    int first = 0, last = 0;
    std::memcpy(&first, block, sizeof(int));
    std::memcpy(&last, block + bytes - sizeof(int), sizeof(int));
    if (first != tag(block) || last != tag(block)) ++wrong;
  };
  for (int i = 0; i < 4000; ++i) {
    if (live.empty() || random() % 100 < 52) {
      const std::size_t bytes = (1 + random() % 300) * PageHeap::kPage;
      auto* const block = static_cast<std::byte*>(heap.take(bytes));
      const int mark = tag(block);
      std::memcpy(block, &mark, sizeof(int));
      std::memcpy(block + bytes - sizeof(int), &mark, sizeof(int));
      const auto next = live.lower_bound(block);
      if (next != live.end() && block + bytes > next->first) ++wrong;
      if (next != live.begin() && std::prev(next)->first + std::prev(next)->second > block) ++wrong;
      live.emplace(block, bytes);
      lowest = lowest == nullptr ? block : std::min(lowest, block);
      highest = std::max(highest, block + bytes);
      in_use += bytes;
    } else {
      const auto chosen = std::next(live.begin(), static_cast<std::ptrdiff_t>(random() % live.size()));
      expect_whole(chosen->first, chosen->second);
      heap.give(chosen->first, chosen->second);
      in_use -= chosen->second;
      live.erase(chosen);
    }
    if (i % 500 == 499) heap.release();
    if (heap.held() < in_use) ++wrong;
  }
  for (const auto& [block, bytes] : live) {
    expect_whole(block, bytes);
    heap.give(block, bytes);
  }
  BOOST_TEST(wrong == 0);
  BOOST_TEST(heap.take(static_cast<std::size_t>(highest - lowest)) == lowest);  // all of it is one range again
}

BOOST_AUTO_TEST_CASE(what_is_released_comes_back_fresh) {
  PageHeap heap;
  auto* const block = static_cast<unsigned char*>(heap.take(kMiB));
  std::memset(block, 7, kMiB);
  heap.give(block, kMiB);
  BOOST_TEST(heap.held() == kMiB);
  heap.release();
  BOOST_TEST(heap.held() == 0U);
  const std::uint64_t growths = heap.growths();
  auto* const again = static_cast<unsigned char*>(heap.take(kMiB));
  BOOST_TEST(again == block);
  BOOST_TEST(heap.held() == kMiB);
  BOOST_TEST(heap.growths() == growths + 1);
  BOOST_TEST(static_cast<int>(again[12345]) == 0);
}

// Pages that nobody touches cost nothing: the bound can be seen without the memory.
BOOST_AUTO_TEST_CASE(idle_memory_is_bounded) {
  PageHeap heap;
  std::vector<void*> blocks;
  for (int i = 0; i < 6; ++i) blocks.push_back(heap.take(kGiB));
  for (void* const block : blocks) heap.give(block, kGiB);
  BOOST_TEST(heap.held() <= 4 * kGiB);
  BOOST_TEST(heap.held() >= 3 * kGiB);
}

// Address space for 64 TiB there is, memory for it there is not: said at once, not found out while it is written.
BOOST_AUTO_TEST_CASE(what_the_machine_cannot_have_is_refused) {
  std::ifstream policy("/proc/sys/vm/overcommit_memory");
  int always = 0;
  if ((policy >> always) && always == 1) return;  // a machine that refuses nothing
  PageHeap heap;
  BOOST_CHECK_THROW(heap.take(std::size_t{1} << 46), std::bad_alloc);
  BOOST_TEST(heap.held() == 0U);
}

// Where there is no room for a region, there may be for a block; and where there is none for it either, the heap stays
// whole.
BOOST_AUTO_TEST_CASE(a_limited_address_space) {
  const pid_t child = fork();
  if (child == 0) {
    const std::size_t limit = address_space() + 256 * kMiB;
    const rlimit bound{limit, limit};
    if (setrlimit(RLIMIT_AS, &bound) != 0) _exit(2);
    PageHeap heap;
    auto* const block = static_cast<unsigned char*>(heap.take(64 * kMiB));
    block[0] = block[64 * kMiB - 1] = 1;
    try {
      heap.take(kGiB);
      _exit(3);
    } catch (const std::bad_alloc&) {
    }
    heap.give(block, 64 * kMiB);
    _exit(heap.take(64 * kMiB) == block && heap.held() == 64 * kMiB ? 0 : 4);
  }
  int status = 1;
  BOOST_TEST((child > 0 && waitpid(child, &status, 0) == child));
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_SUITE_END()
