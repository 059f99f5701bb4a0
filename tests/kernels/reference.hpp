// Inputs and comparisons shared by the kernel tests. References are computed in long double beside each test.
#pragma once

#include <boost/mpl/list.hpp>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "kernels/always_teams.hpp"
#include "tapegrad/base/threads.hpp"

namespace tapegrad::testing {

using Reals = boost::mpl::list<float, double>;
using Exact = std::vector<long double>;

template <class T>
inline constexpr T kInfinity = std::numeric_limits<T>::infinity();
template <class T>
inline constexpr T kNaN = std::numeric_limits<T>::quiet_NaN();

/// `count` normal numbers.
template <class T>
std::vector<T> normal(std::int64_t count, unsigned seed, double mean = 0, double deviation = 1) {
  std::mt19937_64 engine(seed);
  std::normal_distribution<double> distribution(mean, deviation);
  std::vector<T> values(static_cast<std::size_t>(count));
  for (T& v : values) v = static_cast<T>(distribution(engine));
  return values;
}

/// Checks each |value - expected| <= tolerance * (1 + |expected|), NaN and infinities alike; reports the worst.
template <class T>
void check_close(const std::vector<T>& values, const std::vector<long double>& expected, double tolerance) {
  BOOST_TEST_REQUIRE(values.size() == expected.size());
  std::size_t failures = 0;
  std::size_t first = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const long double v = values[i];
    const long double e = expected[i];
    const bool same = std::isnan(e)   ? std::isnan(v)
                      : std::isinf(e) ? v == e
                                      : std::fabs(v - e) <= static_cast<long double>(tolerance) * (1 + std::fabs(e));
    if (!same && failures++ == 0) first = i;
  }
  if (failures > 0) {
    BOOST_ERROR(failures << " of " << values.size() << " differ; first at " << first << ": got " << values[first]
                         << ", expected " << static_cast<double>(expected[first]));
  }
}

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

template <class T>
void check_same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  BOOST_TEST_REQUIRE(a.size() == b.size());
  BOOST_TEST(same_bits(a, b));
}

/// At the end of its scope: whether any team was formed within it.
struct ExpectTeams {
  std::int64_t before = kernels::teams_formed();
  ExpectTeams() = default;
  ExpectTeams(const ExpectTeams&) = delete;
  ExpectTeams& operator=(const ExpectTeams&) = delete;
  ~ExpectTeams() { BOOST_TEST(kernels::teams_formed() > before, "no team was formed"); }
};

/// Runs f() with 1, 2 and 5 threads; f returns a vector, and all must agree to the bit.
template <class F>
void check_thread_invariant(const F& f) {
  set_num_threads(1);
  const auto alone = f();
  const kernels::AlwaysTeams always;
  for (const int threads : {2, 5}) {
    set_num_threads(threads);
    check_same_bits(alone, f());
  }
  set_num_threads(0);
}

template <class T>
inline constexpr double kEpsilon = static_cast<double>(std::numeric_limits<T>::epsilon());

/// float32 sums run in double precision: only their result is rounded.
template <class T>
inline constexpr double kSumTolerance = (sizeof(T) == 4 ? 2 : 64) * kEpsilon<T>;

}  // namespace tapegrad::testing
