// The suite is a process of its own: nothing of tapegrad has run when it forks.
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "tapegrad/base/threads.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/tape/create.hpp"

BOOST_AUTO_TEST_SUITE(after_fork)

// OpenMP's team is the application's, and stays behind as well.
BOOST_AUTO_TEST_CASE(a_child_of_a_program_with_a_team_computes) {
  int members = 0;
#pragma omp parallel num_threads(2) reduction(+ : members)
  ++members;
  BOOST_TEST_REQUIRE(members >= 1);
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    const tapegrad::Tensor a = tapegrad::ones({256, 256});
    _exit(tapegrad::matmul(a, a).to_vector<float>().back() == 256.0F && tapegrad::num_threads() == 1 ? 0 : 1);
  }
  int status = 1;
  BOOST_TEST(waitpid(child, &status, 0) == child);
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_SUITE_END()
