#include "array/allocator.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <cstring>
#include <new>
#include <thread>
#include <vector>

#include "address_sanitizer.hpp"
#include "tapegrad/array/memory.hpp"

using tapegrad::memory_statistics;
using tapegrad::array::allocate;
using tapegrad::array::deallocate;

namespace {

// Nothing is recycled under AddressSanitizer.
constexpr bool kRecycles = !tapegrad::test::kAddressSanitizer;

struct Block {
  void* data;
  std::size_t bytes;
};

const std::size_t kSizes[] = {1, 64, 65, 1000, 1024, 1025, 1281, 4096, 100000, (1U << 20) + 1, 9000000};

}  // namespace

BOOST_AUTO_TEST_SUITE(allocator)

BOOST_AUTO_TEST_CASE(blocks_are_aligned_and_apart) {
  std::vector<Block> blocks;
  for (int round = 0; round < 3; ++round) {
    for (const std::size_t bytes : kSizes) {
      void* const data = allocate(bytes);
      BOOST_TEST(reinterpret_cast<std::uintptr_t>(data) % 64 == 0U);
      std::memset(data, static_cast<int>(blocks.size()), bytes);
      blocks.push_back({data, bytes});
    }
  }
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    const auto* const bytes = static_cast<const unsigned char*>(blocks[b].data);
    BOOST_TEST(bytes[0] == b);
    BOOST_TEST(bytes[blocks[b].bytes - 1] == b);
    deallocate(blocks[b].data, blocks[b].bytes);
  }
}

BOOST_AUTO_TEST_CASE(statistics) {
  const auto before = memory_statistics();
  tapegrad::reset_peak_memory();
  void* const block = allocate(1 << 20);
  BOOST_TEST(memory_statistics().bytes_in_use == before.bytes_in_use + (1 << 20));
  deallocate(block, 1 << 20);
  const auto after = memory_statistics();
  BOOST_TEST(after.bytes_in_use == before.bytes_in_use);
  BOOST_TEST(after.peak_bytes_in_use >= before.bytes_in_use + (1 << 20));
  if (!kRecycles) return;
  BOOST_TEST(after.bytes_cached >= 1U << 20);
  tapegrad::release_cached_memory();
  BOOST_TEST(memory_statistics().bytes_cached < after.bytes_cached);
}

BOOST_AUTO_TEST_CASE(statistics_survive_threads_and_failures) {
  const auto before = memory_statistics().bytes_in_use;
  BOOST_CHECK_THROW(allocate(std::size_t{1} << 60), std::bad_alloc);
  BOOST_TEST(memory_statistics().bytes_in_use == before);
  if (!kRecycles) return;
  std::vector<void*> blocks;
  for (int i = 0; i < 50; ++i)  // too little for each thread to have told while it lived
    std::thread([&] { blocks.push_back(allocate(40000)); }).join();
  for (void* block : blocks) deallocate(block, 40000);
  BOOST_TEST(memory_statistics().bytes_in_use == before);
}

// A thread that lives has told nothing of what another gives back: the sum is below nothing for a while.
BOOST_AUTO_TEST_CASE(statistics_while_another_thread_lives) {
  if (!kRecycles) return;
  const auto before = memory_statistics().bytes_in_use;
  std::atomic<void*> block = nullptr;
  std::atomic<bool> leave = false;
  std::thread owner([&] {
    block = allocate(40000);
    while (!leave) std::this_thread::yield();
  });
  while (block == nullptr) std::this_thread::yield();
  deallocate(block, 40000);
  const tapegrad::MemoryStatistics s = memory_statistics();
  BOOST_TEST(s.bytes_in_use <= before);  // not 2^64 less a little
  BOOST_TEST(s.peak_bytes_in_use < std::size_t{1} << 60);
  leave = true;
  owner.join();
  BOOST_TEST(memory_statistics().bytes_in_use == before);
}

/// Made before the thread's first allocation, it dies after the thread's cache.
struct LateBlock {
  void* data = nullptr;
  ~LateBlock() {
    if (data != nullptr) deallocate(data, 30000);
  }
};
thread_local LateBlock late_block;

BOOST_AUTO_TEST_CASE(statistics_count_what_a_dying_thread_gives_back) {
  if (!kRecycles) return;
  const auto before = memory_statistics().bytes_in_use;
  for (int i = 0; i < 50; ++i)
    std::thread([] {
      late_block.data = nullptr;
      late_block.data = allocate(30000);
    }).join();
  BOOST_TEST(memory_statistics().bytes_in_use == before);
}

BOOST_AUTO_TEST_CASE(a_steady_state_takes_nothing_from_the_system) {
  if (!kRecycles) return;
  std::vector<Block> blocks;
  std::uint64_t taken = 0;
  for (int step = 0; step < 100; ++step) {
    for (int i = 0; i < 20; ++i)
      for (const std::size_t bytes : kSizes) blocks.push_back({allocate(bytes), bytes});
    for (const Block& b : blocks) deallocate(b.data, b.bytes);
    blocks.clear();
    if (step == 1) taken = memory_statistics().system_allocations;
  }
  BOOST_TEST(memory_statistics().system_allocations == taken);
}

// More blocks of one class than a thread keeps: they go to the shared bins and come back, each of them once.
BOOST_AUTO_TEST_CASE(blocks_beyond_a_threads_own_return) {
  if (!kRecycles) return;
  constexpr std::size_t kBytes = 320;
  std::vector<std::uint32_t*> blocks(20000);
  std::uint64_t taken = 0;
  int wrong = 0;
  for (int step = 0; step < 4; ++step) {
    for (std::uint32_t i = 0; i < blocks.size(); ++i) *(blocks[i] = static_cast<std::uint32_t*>(allocate(kBytes))) = i;
    for (std::uint32_t i = 0; i < blocks.size(); ++i) wrong += *blocks[i] == i ? 0 : 1;
    for (std::uint32_t* const block : blocks) deallocate(block, kBytes);
    if (step == 0) taken = memory_statistics().system_allocations;
  }
  BOOST_TEST(wrong == 0);
  BOOST_TEST(memory_statistics().system_allocations == taken);
  const std::size_t cached = memory_statistics().bytes_cached;
  tapegrad::release_cached_memory();
  BOOST_TEST(memory_statistics().bytes_cached + blocks.size() * kBytes <= cached);
}

BOOST_AUTO_TEST_CASE(what_one_size_leaves_serves_another) {
  if (!kRecycles) return;
  constexpr std::size_t kPiece = 1 << 20;
  tapegrad::release_cached_memory();  // or blocks in bins would lie between the pieces
  std::vector<void*> pieces(32);
  for (void*& piece : pieces) piece = allocate(kPiece);
  for (void* const piece : pieces) deallocate(piece, kPiece);
  const std::uint64_t taken = memory_statistics().system_allocations;
  deallocate(allocate(32 * kPiece), 32 * kPiece);
  BOOST_TEST(memory_statistics().system_allocations == taken);
}

// A loader allocates, the trainer frees: blocks find their way back through the shared bins.
BOOST_AUTO_TEST_CASE(blocks_freed_by_another_thread_return) {
  if (!kRecycles) return;
  const std::uint64_t before = memory_statistics().system_allocations;
  for (int step = 0; step < 60; ++step) {
    std::vector<Block> blocks;
    std::thread([&blocks] {
      for (int i = 0; i < 20; ++i)
        for (const std::size_t bytes : {std::size_t{4096}, std::size_t{100000}, std::size_t{9000000}})
          blocks.push_back({allocate(bytes), bytes});
    }).join();
    for (const Block& b : blocks) deallocate(b.data, b.bytes);
  }
  // 20 of each are in use at once, and this thread keeps 1 MiB of each class to itself, or one block: 256, 10 and 1.
  BOOST_TEST(memory_statistics().system_allocations - before <= 3 * 20 + 256 + 10 + 1);
}

BOOST_AUTO_TEST_CASE(threads_allocate_and_free_at_once) {
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  std::atomic<void*> exchange[16] = {};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&wrong, &exchange, t] {
      for (int i = 0; i < 20000; ++i) {
        void* const mine = allocate(3000);
        std::memset(mine, t, 3000);
        if (static_cast<const unsigned char*>(mine)[2999] != t) ++wrong;
        if (void* const other = exchange[(i * 7 + t) % 16].exchange(mine)) deallocate(other, 3000);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::atomic<void*>& place : exchange)
    if (void* const block = place.load()) deallocate(block, 3000);
  BOOST_TEST(wrong == 0);
}

// A child made while another thread holds the bins' lock must be able to allocate. Under AddressSanitizer there are no
// bins, and clang 14's own allocator does not let go of its locks in a child.
BOOST_AUTO_TEST_CASE(a_forked_child_can_allocate) {
  if (!kRecycles) return;
  std::atomic<bool> stop{false};
  std::thread busy([&stop] {
    while (!stop) {
      std::vector<Block> blocks;
      for (int i = 0; i < 64; ++i) blocks.push_back({allocate(1 << 17), 1 << 17});
      for (const Block& b : blocks) deallocate(b.data, b.bytes);
    }
  });
  int failures = 0;
  for (int i = 0; i < 20; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);  // a lock that nobody will release would hang here
      std::vector<Block> blocks;
      for (int k = 0; k < 64; ++k) blocks.push_back({allocate(1 << 17), 1 << 17});
      for (const Block& b : blocks) deallocate(b.data, b.bytes);
      _exit(0);
    }
    int status = 1;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) ++failures;
  }
  stop = true;
  busy.join();
  BOOST_TEST(failures == 0);
}

BOOST_AUTO_TEST_SUITE_END()
