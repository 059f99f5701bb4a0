// One step of a gated recurrent network, behind its two matrix products. The products are the caller's: the input's
// for all steps of a sequence at once, the state's step by step. Gates lie side by side in PyTorch's order.
#pragma once

#include <array>

#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// {h', c'} of a long short-term memory: c' = f c + i g and h' = o tanh c', where (i, f, g, o) = (sigmoid, sigmoid,
/// tanh, sigmoid) of the four parts of from_input + from_state. from_input and from_state [N, 4H], c [N, H], both
/// results [N, H]; float32 or float64, all the same. Hochreiter and Schmidhuber 1997; with the forget gate of Gers,
/// Schmidhuber and Cummins 2000. Throws ShapeError, DTypeError.
std::array<Tensor, 2> lstm_cell(const Tensor& from_input, const Tensor& from_state, const Tensor& c);

/// h' = (1 - z) n + z h of a gated recurrent unit, where r and z are the sigmoids of the first two parts of from_input
/// + from_state, and n = tanh(third part of from_input + r * third part of from_state). from_input and from_state [N,
/// 3H], h and the result [N, H]; float32 or float64, all the same. Cho et al. 2014, arXiv:1406.1078, with the reset
/// gate behind the product, as in version 1 and in cuDNN. Throws ShapeError, DTypeError.
Tensor gru_cell(const Tensor& from_input, const Tensor& from_state, const Tensor& h);

}  // namespace tapegrad
