#include "console/interrupt.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <csignal>

using namespace console;

BOOST_AUTO_TEST_SUITE(interrupt)

BOOST_AUTO_TEST_CASE(first_signal_only_sets_the_flag) {
  struct sigaction before {
  }, after{};
  sigaction(SIGINT, nullptr, &before);
  for (const int signal : {SIGINT, SIGTERM}) {
    const InterruptGuard guard;
    BOOST_TEST(!interrupted());
    std::raise(signal);
    BOOST_TEST(interrupted());
  }
  sigaction(SIGINT, nullptr, &after);
  BOOST_TEST((before.sa_handler == after.sa_handler));
}

BOOST_AUTO_TEST_CASE(second_signal_kills) {
  const pid_t child = fork();
  BOOST_REQUIRE(child >= 0);
  if (child == 0) {
    std::signal(SIGINT, SIG_DFL);
    const InterruptGuard guard;
    std::raise(SIGINT);
    if (!interrupted()) _exit(1);
    std::raise(SIGINT);
    _exit(2);  // not reached
  }
  int status = 0;
  BOOST_REQUIRE(waitpid(child, &status, 0) == child);
  BOOST_REQUIRE(WIFSIGNALED(status));
  BOOST_TEST(WTERMSIG(status) == SIGINT);
}

BOOST_AUTO_TEST_SUITE_END()
