// Gated linear units: one half of x scales the other. x has an even size along `axis`; the result has half of it.
//
// All three follow PyTorch's glu: the FIRST half is the value a, the SECOND the gate b, and the result is a act(b).
// Weights of models that compute act(first) * second (LLaMA's gate_proj before up_proj) need their halves exchanged.
// float32 or float64. Throw ShapeError for an odd size, IndexError for the axis, DTypeError.
#pragma once

#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// a sigmoid(b), as torch.nn.functional.glu: Dauphin et al. 2017, arXiv:1612.08083.
Tensor glu(const Tensor& x, Axis axis = -1);
/// a silu(b): Shazeer 2020, arXiv:2002.05202, equation 6 with beta = 1.
Tensor swiglu(const Tensor& x, Axis axis = -1);
/// a gelu(b) with the exact gelu: Shazeer 2020, arXiv:2002.05202, equation 6.
Tensor geglu(const Tensor& x, Axis axis = -1);

}  // namespace tapegrad
