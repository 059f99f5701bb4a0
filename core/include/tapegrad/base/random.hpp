// Counter-based random numbers: the i-th number of a stream is a function of (key, i) alone, so that any part of it can
// be drawn again, in any order, by any number of threads. Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers:
// as easy as 1, 2, 3", SC 2011 (Philox4x32-10).
#pragma once

#include <array>
#include <cstdint>

namespace tapegrad {

/// Four 32-bit random words for one (key, counter).
std::array<std::uint32_t, 4> philox(std::uint64_t key, std::uint64_t counter);

/// The place in a stream from which an operation draws its numbers, so that it can draw them again.
struct RandomStream {
  std::uint64_t key = 0;
  std::uint64_t offset = 0;

  /// Uniform on [0, 1): element i with 24 bits (float32) or 53 bits (float64).
  float uniform32(std::uint64_t i) const;
  double uniform64(std::uint64_t i) const;
  /// Standard normal (Box and Muller, 1958).
  double normal(std::uint64_t i) const;
  std::uint64_t bits(std::uint64_t i) const;
};

/// A source of random numbers. Not safe for use from two threads at once: each thread or loader owns one.
class Generator {
 public:
  explicit Generator(std::uint64_t seed = 0) : stream_{seed, 0} {}

  /// Reserves `count` numbers and returns where they start.
  RandomStream reserve(std::uint64_t count) {
    const RandomStream here = stream_;
    stream_.offset += count;
    return here;
  }
  double uniform() { return reserve(1).uniform64(0); }
  /// low <= x < high, but for rounding, which may reach high.
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  double normal() { return reserve(1).normal(0); }
  /// A uniform integer 0 <= i < bound. Throws ValueError unless bound >= 1.
  std::int64_t below(std::int64_t bound);

  RandomStream state() const { return stream_; }
  void set_state(RandomStream state) { stream_ = state; }

 private:
  RandomStream stream_;
};

/// The calling thread's generator, used wherever none is given. manual_seed() gives each thread a stream of its own:
/// the first to the thread that called it, the next ones to other threads in the order of their first draw. That order
/// varies from run to run: threads that train side by side and must be repeatable set their own,
/// default_generator() = Generator(seed).
Generator& default_generator();

/// Restarts the default generators of all threads from `seed`, even those that were assigned.
void manual_seed(std::uint64_t seed);

/// While it lives, the default generator of the thread that made it gives the numbers of this stream; then it goes on
/// as before, whatever has set it meanwhile.
class RandomNumbers {
 public:
  explicit RandomNumbers(const RandomStream& stream) : before_(default_generator().state()) {
    default_generator().set_state(stream);
  }
  RandomNumbers(const RandomNumbers&) = delete;
  RandomNumbers& operator=(const RandomNumbers&) = delete;
  ~RandomNumbers() { default_generator().set_state(before_); }

 private:
  RandomStream before_;
};

}  // namespace tapegrad
