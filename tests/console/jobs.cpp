#include "console/jobs.hpp"

#include <algorithm>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <csignal>
#include <cstddef>
#include <string>
#include <thread>
#include <vector>

#include "address_sanitizer.hpp"
#include "address_space.hpp"
#include "console/interrupt.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/base/threads.hpp"

using console::run_side_by_side;
using tapegrad::ValueError;
using Ran = std::vector<std::atomic<int>>;

BOOST_AUTO_TEST_SUITE(jobs)

BOOST_AUTO_TEST_CASE(each_runs_once_and_is_told_of) {
  for (const int threads : {1, 3, 80}) {
    Ran ran(50), told(50);
    std::vector<std::size_t> order;  // without a lock: done() is called one at a time
    run_side_by_side(
        ran.size(), threads, [&](std::size_t i) { ++ran[i]; },
        [&](std::size_t i) {
          told[i] += ran[i];
          order.push_back(i);
        });
    for (const auto& r : ran) BOOST_TEST(r == 1);
    for (const auto& t : told) BOOST_TEST(t == 1);
    BOOST_TEST(order.size() == ran.size());
    if (threads == 1) BOOST_TEST(std::is_sorted(order.begin(), order.end()));
  }
  run_side_by_side(0, 3, [](std::size_t) { BOOST_ERROR("there is no job"); });
}

BOOST_AUTO_TEST_CASE(a_job_computes_on_one_thread_which_is_not_the_callers) {
  const int before = tapegrad::num_threads();
  for (const int threads : {1, 3}) {
    std::atomic<int> on_one = 0, elsewhere = 0;
    run_side_by_side(5, threads, [&, caller = std::this_thread::get_id()](std::size_t) {
      on_one += tapegrad::num_threads() == 1 ? 1 : 0;
      elsewhere += std::this_thread::get_id() != caller ? 1 : 0;
    });
    BOOST_TEST(on_one == 5);
    BOOST_TEST(elsewhere == 5);
  }
  BOOST_TEST(tapegrad::num_threads() == before);
}

BOOST_AUTO_TEST_CASE(what_is_thrown_arrives_and_ends_the_rest) {
  for (const int threads : {1, 3}) {
    std::atomic<int> begun = 0;
    const auto fails_at_two = [&](std::size_t i) {
      ++begun;
      if (i == 2) throw ValueError("[x]");
    };
    BOOST_CHECK_THROW(run_side_by_side(100'000, threads, fails_at_two), ValueError);
    BOOST_TEST(begun < 100'000);
    if (threads == 1) BOOST_TEST(begun == 3);
    BOOST_CHECK_THROW(run_side_by_side(
                          5, threads, [](std::size_t) {}, [](std::size_t) { throw ValueError("[x]"); }),
                      ValueError);
  }
  BOOST_CHECK_THROW(run_side_by_side(1, 0, [](std::size_t) {}), ValueError);
}

BOOST_AUTO_TEST_CASE(an_interrupt_is_for_the_jobs_to_heed) {
  for (const int threads : {1, 3}) {
    const console::InterruptGuard guard;
    Ran ran(20);
    std::atomic<int> cut_short = 0;
    run_side_by_side(ran.size(), threads, [&](std::size_t i) {
      ++ran[i];
      if (i == 0) std::raise(SIGTERM);
      if (console::interrupted()) ++cut_short;
    });
    for (const auto& r : ran) BOOST_TEST(r == 1);
    BOOST_TEST(cut_short > 0);
  }
}

BOOST_AUTO_TEST_CASE(where_the_system_gives_fewer_threads_those_do_all) {
  if (tapegrad::test::kAddressSanitizer) return;  // which needs address space at any time
  Ran ran(500);
  {
    const tapegrad::test::AddressSpace limit(tapegrad::test::kRoomForSomeThreads);
    run_side_by_side(ran.size(), 500, [&](std::size_t i) { ++ran[i]; });
  }
  for (const auto& r : ran) BOOST_TEST(r == 1);
}

BOOST_AUTO_TEST_SUITE_END()
