// What parallel_for promises besides results: teams by force, and exceptions.
#include "kernels/parallel.hpp"

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <new>

#include "tapegrad/base/threads.hpp"

using namespace tapegrad;
using kernels::parallel_for;

BOOST_AUTO_TEST_SUITE(parallel)

BOOST_AUTO_TEST_CASE(teams_by_force) {
  const int before = set_num_threads(3);
  BOOST_TEST(before == 0);
  const std::int64_t formed = kernels::teams_formed();
  std::atomic<std::int64_t> sum = 0;
  const auto add = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) sum += i;
  };
  parallel_for(10, 1, 1, add);  // too little work
  BOOST_TEST(kernels::teams_formed() == formed);
  {
    const kernels::AlwaysTeams always;
    parallel_for(10, 1, 1, add);
    BOOST_TEST(kernels::teams_formed() == formed + 1);
    parallel_for(10, 10, 1, add);  // one chunk
    BOOST_TEST(kernels::teams_formed() == formed + 1);
  }
  parallel_for(10, 1, 1, add);
  BOOST_TEST(kernels::teams_formed() == formed + 1);
  BOOST_TEST(sum == 4 * 45);
  BOOST_TEST(set_num_threads(before) == 3);
}

BOOST_AUTO_TEST_CASE(no_more_threads_than_a_loop_may_have) {
  set_num_threads(1000);
  BOOST_TEST(num_threads() == kernels::kMostThreads);
  set_num_threads(0);
}

BOOST_AUTO_TEST_CASE(an_exception_comes_out_of_a_team) {
  const kernels::AlwaysTeams always;
  for (const int threads : {1, 2, 4}) {
    set_num_threads(threads);
    for (const std::int64_t failing : {0, 7, 15}) {
      const auto body = [&](std::int64_t begin, std::int64_t) {
        if (begin == failing) throw std::bad_alloc();
      };
      BOOST_CHECK_THROW(parallel_for(16, 1, 1, body), std::bad_alloc);
    }
    // All of them: one is thrown.
    BOOST_CHECK_THROW(parallel_for(16, 1, 1, [](std::int64_t, std::int64_t) { throw std::bad_alloc(); }),
                      std::bad_alloc);
    std::atomic<int> chunks = 0;  // the next loop is whole
    parallel_for(16, 1, 1, [&](std::int64_t, std::int64_t) { ++chunks; });
    BOOST_TEST(chunks == 16);
  }
  set_num_threads(0);
}

BOOST_AUTO_TEST_SUITE_END()
