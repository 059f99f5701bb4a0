// Another process that keeps one core busy, for as long as the object lives.
#pragma once

#include <sys/types.h>

namespace bench {

class Neighbour {
 public:
  Neighbour();
  Neighbour(const Neighbour&) = delete;
  Neighbour& operator=(const Neighbour&) = delete;
  ~Neighbour();

 private:
  pid_t process_;
};

}  // namespace bench
