// The blocks within a layer of an encoder or a decoder.
#pragma once

#include "tapegrad/nn/activation.hpp"
#include "tapegrad/nn/dropout.hpp"
#include "tapegrad/nn/linear.hpp"
#include "tapegrad/nn/norm.hpp"
#include "tapegrad/ops/mask.hpp"
#include "tapegrad/tape/engine_ops.hpp"

namespace tapegrad::nn {

/// A block with its residual sum and norm: x + block(norm(x)), or norm(x + block(x)).
template <class Block>
Tensor with_residual(bool norm_first, AnyNorm& norm, const Tensor& x, const Mask& mask, const Block& block) {
  if (norm_first) return x + block(apply_norm(norm, x, mask));
  return apply_norm(norm, x + block(x), mask);
}

/// linear2(dropout(activation(linear1(x)))), or with a gate linear2(dropout(gated(linear1(x))))
inline Tensor feed_forward(Tensor x, const Linear& linear1, Activation activation, Gate gate, const Dropout& dropout,
                           const Linear& linear2) {
  const Tensor hidden = linear1(x);
  x = {};  // of a normalised input, which the tape does not keep, the memory is free for what is largest here
  return linear2(dropout(gate == Gate::none ? activate(activation, hidden) : gated(gate, hidden)));
}

}  // namespace tapegrad::nn
