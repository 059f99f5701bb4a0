// The policy on made-up times: no clock, no threads.
#include "kernels/team_history.hpp"

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>

using tapegrad::kernels::TeamHistory;
using tapegrad::kernels::TeamShare;

namespace {

/// A clock that only runs as told, and a history that is told of regions on it.
struct Machine {
  double now = 100.0;
  TeamHistory history;

  bool teams() const { return !history.is_resting() || history.may_try(now); }
  /// Two threads, four chunks each, of `chunk` seconds; the second one begins late and may stop on its way.
  void region(double chunk, double late, double stopped = 0.0) {
    const double seconds = 4.0 * chunk + late + stopped;
    now += seconds;
    history.judge(now, seconds, std::array{TeamShare{4, 4.0 * chunk}, TeamShare{4, 4.0 * chunk + stopped}});
  }
  /// Regions on a machine that nobody else uses.
  void quiet(double for_seconds) {
    for (const double until = now + for_seconds; now < until && teams();) region(10e-6, 1e-6);
  }
  /// Waits until teams are tried again; how long that was.
  double rest() {
    const double from = now;
    while (!teams()) now += 1e-5;
    return now - from;
  }
};

const auto kAbout = boost::test_tools::tolerance(0.05);

}  // namespace

BOOST_AUTO_TEST_SUITE(team_history)

BOOST_AUTO_TEST_CASE(teams_that_gain_time_go_on) {
  Machine machine;
  machine.quiet(1.0);
  BOOST_TEST(machine.now >= 101.0);
  BOOST_TEST(machine.teams());
}

BOOST_AUTO_TEST_CASE(a_thread_without_its_core_is_noticed_at_once) {
  constexpr double kSlice = 4e-3;  // of another process
  for (const bool before : {true, false}) {
    Machine machine;
    machine.region(10e-6, before ? kSlice : 0.0, before ? 0.0 : kSlice);
    BOOST_TEST(!machine.teams());
    BOOST_TEST(machine.rest() == TeamHistory::kShortestRest, kAbout);
  }
}

BOOST_AUTO_TEST_CASE(uneven_chunks_are_no_loss) {
  // One thread's part takes nearly twice as long as the other's, and waking it some time: 295 us of work in 205.
  TeamHistory history;
  for (int i = 0; i < 1000; ++i) {
    history.judge(1.0 + i * 205e-6, 205e-6, std::array{TeamShare{1, 100e-6}, TeamShare{1, 195e-6}});
    BOOST_REQUIRE(!history.is_resting());
  }
}

BOOST_AUTO_TEST_CASE(a_short_last_part_is_no_loss) {
  // The last of three threads had one item only; it says little of what the others' items cost.
  TeamHistory history;
  for (int i = 0; i < 1000; ++i) {
    history.judge(1.0 + i * 105e-6, 105e-6,
                  std::array{TeamShare{1000, 100e-6}, TeamShare{1000, 100e-6}, TeamShare{1, 0.15e-6}});
    BOOST_REQUIRE(!history.is_resting());
  }
}

BOOST_AUTO_TEST_CASE(who_asks_for_threads_gets_them) {
  Machine machine;
  machine.region(10e-6, 4e-3);
  BOOST_TEST(!machine.teams());
  machine.history.resume();
  BOOST_TEST(machine.teams());
}

BOOST_AUTO_TEST_CASE(a_short_program_needs_no_team) {
  Machine machine;
  BOOST_TEST(!machine.history.has_begun());
  machine.history.begin(machine.now, true);
  BOOST_TEST(machine.history.has_begun());
  BOOST_TEST(machine.rest() == TeamHistory::kFirstRest, kAbout);
  machine.region(10e-6, 10e-3);  // the first rest makes no later one longer
  BOOST_TEST(machine.rest() == TeamHistory::kShortestRest, kAbout);

  Machine asked;
  asked.history.begin(asked.now, false);
  BOOST_TEST(asked.teams());
}

BOOST_AUTO_TEST_CASE(small_losses_add_up) {
  // Loops of 8 us on one thread that a team does in 9: waking it costs more than it saves.
  Machine machine;
  const double start = machine.now;
  while (machine.teams() && machine.now < start + 1.0) machine.region(1e-6, 5e-6);
  BOOST_TEST(machine.now - start > 1e-3);
  BOOST_TEST(machine.now - start < 10e-3);
}

BOOST_AUTO_TEST_CASE(a_trial_pays_for_waking_a_core) {
  Machine machine;
  machine.region(10e-6, 4e-3);
  machine.rest();
  machine.region(10e-6, 400e-6);
  machine.quiet(0.1);
  BOOST_TEST(machine.teams());
}

BOOST_AUTO_TEST_CASE(teams_go_on_where_they_gain_on_the_whole) {
  Machine machine;
  for (int i = 0; i < 100; ++i) {  // 10 ms gained for 4 lost
    machine.quiet(0.01);
    machine.region(10e-6, 4e-3);
    BOOST_TEST(machine.teams());
  }
  // However much was gained, it pays for one slice, not for two in a row.
  machine.quiet(10.0);
  machine.region(10e-6, 4e-3);
  machine.region(10e-6, 4e-3);
  BOOST_TEST(!machine.teams());
}

BOOST_AUTO_TEST_CASE(rests_grow_while_trials_fail_and_shrink_after_those_that_go_well) {
  Machine machine;
  double expected = TeamHistory::kShortestRest;
  for (int trial = 0; trial < 12; ++trial) {
    machine.quiet(0.2e-3);  // a moment of luck, shorter than any rest, forgives nothing
    machine.region(10e-6, 4e-3);
    BOOST_TEST(machine.rest() == expected, kAbout);
    expected = std::min(2.0 * expected, TeamHistory::kLongestRest);
  }
  BOOST_TEST(expected == TeamHistory::kLongestRest);
  // 0.2 s of good regions halve the rest to 0.1, 0.1 more to 0.05: the next rest is twice that.
  machine.quiet(0.31);
  machine.region(10e-6, 10e-3);
  BOOST_TEST(machine.rest() == TeamHistory::kLongestRest / 2.0, kAbout);
  // After a second all is forgotten.
  machine.quiet(1.0);
  machine.region(10e-6, 10e-3);
  BOOST_TEST(machine.rest() == TeamHistory::kShortestRest, kAbout);
}

BOOST_AUTO_TEST_SUITE_END()
