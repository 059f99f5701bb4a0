// A cotangent for each result is pull_back's second argument, and no option beside it.
#include "tapegrad/tape/tape.hpp"

void pull(tapegrad::Tape& tape, const tapegrad::Tensor& y, const tapegrad::Tensor& dy, const tapegrad::Tensor& x) {
  (void)tape.pull_back({y}, {dy}, {x}, {.cotangent = dy});
}
