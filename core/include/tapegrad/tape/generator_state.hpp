// Where a generator of random numbers stands, as tensors: what a file keeps of training that goes on.
#pragma once

#include "tapegrad/base/random.hpp"
#include "tapegrad/tape/named_tensors.hpp"

namespace tapegrad {

/// "stream", int64 [2]: the key and the offset of the number that comes next, each as its 64 bits.
NamedTensors state_dict(const Generator& generator);
/// The generator goes on where the other stood. Throws ValueError unless the state is "stream" alone, int64 [2].
void load_state_dict(Generator& generator, const NamedTensors& state);

}  // namespace tapegrad
