// What an optimiser asks of the parameters that it is given.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "tapegrad/tape/tensor.hpp"

namespace tapegrad::optim {

/// Where the elements of an optimiser's parameters lie.
class ClaimedMemory {
 public:
  /// Whether x's elements are no other parameter's so far; then they are this one's.
  bool claim(const Tensor& x);

 private:
  std::map<const std::byte*, const std::byte*> ends_;  // of what begins there
};

/// Claims the elements of a parameter that is to be trained. Throws ValueError where it is undefined, computed on a
/// tape, or shares elements with one before; DTypeError unless it is floating; ShapeError unless it is contiguous.
/// `which` begins errors: "[SGD] parameter 3 of group 0".
void take_in(const Tensor& x, ClaimedMemory& claimed, const std::string& which);

/// Says of modules' parameters that somebody trains them, though no module may have listed them.
void set_named(const std::vector<Tensor>& parameters);

}  // namespace tapegrad::optim
