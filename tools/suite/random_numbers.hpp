// Random numbers that are drawn again.
#pragma once

#include "tapegrad/base/random.hpp"

namespace tapegrad::suite {

/// While it lives, the thread's default generator gives the numbers of this stream; then it goes on as before.
class RandomNumbers {
 public:
  explicit RandomNumbers(RandomStream stream) : before_(default_generator().state()) {
    default_generator().set_state(stream);
  }
  RandomNumbers(const RandomNumbers&) = delete;
  RandomNumbers& operator=(const RandomNumbers&) = delete;
  ~RandomNumbers() { default_generator().set_state(before_); }

 private:
  RandomStream before_;
};

}  // namespace tapegrad::suite
