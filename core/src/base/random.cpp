#include "tapegrad/base/random.hpp"

#include <atomic>
#include <string>

#include "base/box_muller.hpp"
#include "base/philox.hpp"
#include "tapegrad/base/error.hpp"

namespace tapegrad {

std::array<std::uint32_t, 4> philox(std::uint64_t key, std::uint64_t counter) {
  std::uint32_t k0 = static_cast<std::uint32_t>(key);
  std::uint32_t k1 = static_cast<std::uint32_t>(key >> 32);
  std::array<std::uint32_t, 4> c = {static_cast<std::uint32_t>(counter), static_cast<std::uint32_t>(counter >> 32), 0,
                                    0};
  for (int round = 0; round < philox4x32::kRounds; ++round) {
    const std::uint64_t p0 = std::uint64_t{philox4x32::kMultiplier0} * c[0];
    const std::uint64_t p1 = std::uint64_t{philox4x32::kMultiplier1} * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k0, static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k1, static_cast<std::uint32_t>(p0)};
    k0 += philox4x32::kWeyl0;
    k1 += philox4x32::kWeyl1;
  }
  return c;
}

// Number i of a stream takes words 2 (i mod 2) and 2 (i mod 2) + 1 of block i / 2.
std::uint64_t RandomStream::bits(std::uint64_t i) const {
  const std::uint64_t n = offset + i;
  const std::array<std::uint32_t, 4> block = philox(key, n / 2);
  const std::size_t half = n % 2 == 0 ? 0 : 2;
  return (static_cast<std::uint64_t>(block[half + 1]) << 32) | block[half];
}

float RandomStream::uniform32(std::uint64_t i) const { return static_cast<float>(bits(i) >> 40) * 0x1p-24F; }

double RandomStream::uniform64(std::uint64_t i) const { return static_cast<double>(bits(i) >> 11) * 0x1p-53; }

double RandomStream::normal(std::uint64_t i) const {
  const std::array<std::uint32_t, 4> block = philox(~key, offset + i);
  return box_muller(static_cast<std::uint64_t>(block[1]) << 32 | block[0],
                    static_cast<std::uint64_t>(block[3]) << 32 | block[2]);
}

std::int64_t Generator::below(std::int64_t bound) {
  if (bound < 1) throw ValueError("[below] expected a bound of at least 1, got " + std::to_string(bound));
  // Rejection of the incomplete last range: exactly uniform.
  const std::uint64_t n = static_cast<std::uint64_t>(bound);
  const std::uint64_t limit = UINT64_MAX - UINT64_MAX % n;
  std::uint64_t bits = reserve(1).bits(0);
  while (bits >= limit) bits = reserve(1).bits(0);
  return static_cast<std::int64_t>(bits % n);
}

namespace {

std::atomic<std::uint64_t> seed_value{0};
std::atomic<std::uint64_t> seed_epoch{0};
std::atomic<std::uint64_t> thread_count{0};  // of those that have drawn since the seed was set

struct ThreadGenerator {
  std::uint64_t epoch = UINT64_MAX;
  Generator generator;
};

ThreadGenerator& thread_generator() {
  thread_local ThreadGenerator mine;
  return mine;
}

}  // namespace

Generator& default_generator() {
  ThreadGenerator& mine = thread_generator();
  const std::uint64_t epoch = seed_epoch.load(std::memory_order_acquire);
  if (mine.epoch != epoch) {
    mine.epoch = epoch;
    const std::uint64_t thread = 1 + thread_count.fetch_add(1);
    mine.generator = Generator(seed_value.load() + thread * 0x9E3779B97F4A7C15ULL);
  }
  return mine.generator;
}

void manual_seed(std::uint64_t seed) {
  seed_value.store(seed);
  thread_count.store(0);
  const std::uint64_t epoch = seed_epoch.fetch_add(1, std::memory_order_release) + 1;
  thread_generator().epoch = epoch;  // the calling thread draws from the seed itself, whatever threads came before it
  thread_generator().generator = Generator(seed);
}

}  // namespace tapegrad
