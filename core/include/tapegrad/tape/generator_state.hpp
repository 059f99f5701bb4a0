// The state of a random number generator as tensors, to be saved with a training run.
#pragma once

#include "tapegrad/base/random.hpp"
#include "tapegrad/tape/named_tensors.hpp"

namespace tapegrad {

/// "stream", int64 [2]: the key and the offset of the number that comes next, each as its 64 bits.
NamedTensors state_dict(const Generator& generator);
/// The generator goes on from the saved state. Throws ValueError unless the state is "stream" alone,
/// ShapeError and DTypeError unless that is int64 [2].
void load_state_dict(Generator& generator, const NamedTensors& state);

}  // namespace tapegrad
