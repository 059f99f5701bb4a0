// Gated recurrent networks: a single step (lstm_cell, gru_cell) and whole sequences (lstm, gru).
//
// The caller computes from_input = W_ih x + b_ih, for all steps of a sequence at once. The product with the state,
// from_state = W_hh h + b_hh, is computed by the caller for a single step, and by the op for a sequence. Gates lie side
// by side in PyTorch's order.
#pragma once

#include <array>

#include "tapegrad/ops/mask.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// {h', c'} of a long short-term memory: c' = f c + i g and h' = o tanh c', where (i, f, g, o) = (sigmoid, sigmoid,
/// tanh, sigmoid) of the four parts of from_input + from_state. from_input and from_state [N, 4H], c [N, H], both
/// results [N, H]; float32 or float64, all the same. Hochreiter and Schmidhuber 1997; with the forget gate of Gers,
/// Schmidhuber and Cummins 2000. Throws ShapeError, DTypeError.
[[nodiscard]] std::array<Tensor, 2> lstm_cell(const Tensor& from_input, const Tensor& from_state, const Tensor& c);

/// h' = (1 - z) n + z h of a gated recurrent unit, where r and z are the sigmoids of the first two parts of from_input
/// + from_state, and n = tanh(third part of from_input + r * third part of from_state). from_input and from_state [N,
/// 3H], h and the result [N, H]; float32 or float64, all the same. Cho et al. 2014, arXiv:1406.1078, with the reset
/// gate behind the product, as in version 1 and in cuDNN. Throws ShapeError, DTypeError.
Tensor gru_cell(const Tensor& from_input, const Tensor& from_state, const Tensor& h);

/// How lstm and gru go through a sequence.
struct SequenceOptions {
  /// Whether to start at the last position and go backwards.
  bool reverse = false;
};

/// {h, c}, the states after each position, both [L, N, H]: lstm_cell(from_input[t], linear(h, weight_hh, bias_hh), c)
/// from position to position. from_input [L, N, 4H], weight_hh [4H, H], bias_hh [4H] or undefined, h0 and c0 [N, H];
/// float32 or float64, all the same. Of the mask only the positions [N, L] are used: where one is not valid the state
/// is kept, from_input is not read, and its gradient is 0. Throws ShapeError, DTypeError.
[[nodiscard]] std::array<Tensor, 2> lstm(const Tensor& from_input, const Tensor& weight_hh, const Tensor& bias_hh,
                                         const Tensor& h0, const Tensor& c0, const Mask& mask = {},
                                         const SequenceOptions& options = {});

/// The state after each position, [L, N, H]: gru_cell(from_input[t], linear(h, weight_hh, bias_hh), h) from position to
/// position. from_input [L, N, 3H], weight_hh [3H, H], bias_hh [3H] or undefined, h0 [N, H]; the rest as for lstm.
Tensor gru(const Tensor& from_input, const Tensor& weight_hh, const Tensor& bias_hh, const Tensor& h0,
           const Mask& mask = {}, const SequenceOptions& options = {});

}  // namespace tapegrad
