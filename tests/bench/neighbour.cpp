#include "bench/neighbour.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>

namespace bench {

Neighbour::Neighbour() : process_(fork()) {
  if (process_ < 0) throw std::runtime_error("[bench] no process for a neighbour");
  if (process_ > 0) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (volatile unsigned turns = 0;;) turns = turns + 1;
}

Neighbour::~Neighbour() {
  kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
}

}  // namespace bench
