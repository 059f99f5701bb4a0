// Gradients as they leave the tape.
#pragma once

#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// A gradient that lies on a tape, sharing its elements with no other tensor: a user may write it in place, as clipping
/// does.
Tensor as_own(Tensor gradient);

/// A gradient as it is handed out: elements of its own, in little more memory than they need.
Tensor to_be_kept(Tensor gradient);

}  // namespace tapegrad
