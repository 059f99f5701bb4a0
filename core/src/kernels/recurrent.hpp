// One step of a gated recurrent network, between the products: LSTM and GRU cells over rows, forward and backward.
//
// A row depends on itself alone: the same bits in any batch and at any number of threads. Instantiated for float and
// double.
#pragma once

#include <cstdint>

namespace tapegrad::kernels {

/// Contiguous memory of a step: gates side by side [rows, G hidden], states [rows, hidden]. Null cotangents are zeros,
/// null results are not wanted. A result may be the memory of an operand with the same shape.
template <class T>
struct RecurrentStep {
  std::int64_t rows = 0, hidden = 0;
  const bool* valid = nullptr;  ///< [rows]: a row that is not valid keeps its state, and its gates are not read
  const T *from_input = nullptr, *from_state = nullptr;  ///< what the two products give the gates
  const T *h = nullptr, *c = nullptr;                    ///< the state before; c is an LSTM's alone
  T *to_h = nullptr, *to_c = nullptr;
  T* to_kept = nullptr;  ///< [rows, G hidden] for the reverse rule: see the forward functions

  // Of the reverse rule alone.
  const T* kept = nullptr;  ///< what to_kept got; where null, the gates are computed again
  const T* c_next = nullptr;
  const T *dh_next = nullptr, *dh_later = nullptr;  ///< the cotangent of h' is the sum of the two, likewise of c'
  const T *dc_next = nullptr, *dc_later = nullptr;
  T *dfrom_input = nullptr, *dfrom_state = nullptr;  ///< an LSTM's are equal, and only the latter is written
  T *dh = nullptr, *dc = nullptr;                    ///< dh without what goes through from_state
};

/// c' = f c + i g and h' = o tanh c', (i, f, g, o) = (sigmoid, sigmoid, tanh, sigmoid)(from_input + from_state). Keeps
/// (i, f, g, o).
template <class T>
void lstm_forward(const RecurrentStep<T>& step);

/// With s = dc' + dh' o (1 - tanh^2 c'): dc = s f; the gates get s g i (1 - i), s c f (1 - f), s i (1 - g^2) and dh'
/// tanh(c') o (1 - o).
template <class T>
void lstm_backward(const RecurrentStep<T>& step);

/// h' = (1 - z) n + z h with r and z the sigmoids of a + b and n = tanh(a + r b), a being a part of from_input, b one
/// of from_state. Keeps (r, z, b of n): in from_state's own memory that is two parts written over.
template <class T>
void gru_forward(const RecurrentStep<T>& step);

/// dh = dh' z; the gates of from_input get dn b r (1 - r), dh' (h - n) z (1 - z) and dn = dh' (1 - z) (1 - n^2), those
/// of from_state the same with dn r.
template <class T>
void gru_backward(const RecurrentStep<T>& step);

}  // namespace tapegrad::kernels
