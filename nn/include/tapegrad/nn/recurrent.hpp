// Recurrent networks: RNN, LSTM and GRU over padded batches of sequences, and their cells, which take one step.
//
//   LSTM lstm(40, 64, {.num_layers = 2, .bidirectional = true});
//   const auto [y, h, c] = lstm(x, Mask::from_lengths(lengths, x.size(1)));    // y [N, L, 2 * 64]
//
// Names, gate orders and initialisation (uniform on +-1/sqrt(H)) are PyTorch's.
//
// Padding is skipped: at a position that the mask hides the state stays what it was and the output is 0 with gradient
// 0, whatever x holds there. So the final states are those at each sequence's own end, and the reverse direction starts
// there. A sequence without a valid position gives its initial state.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "tapegrad/nn/activation.hpp"
#include "tapegrad/nn/module.hpp"
#include "tapegrad/ops/mask.hpp"
#include "tapegrad/ops/recurrent.hpp"

namespace tapegrad::nn {

/// The parameters of one layer in one direction, for G gates: gates = W_ih x + b_ih and W_hh h + b_hh.
struct RecurrentWeights {
  Parameter weight_ih;  ///< [G H, E]
  Parameter weight_hh;  ///< [G H, H]
  Parameter bias_ih;    ///< [G H], or empty
  Parameter bias_hh;    ///< [G H], or empty
};

/// The state that goes from step to step: [num_layers * directions, N, H] for layers, [N, H] for a cell.
struct [[nodiscard]] RecurrentState {
  Tensor h;  ///< the hidden state: the output of a step
  Tensor c;  ///< the cell state of an LSTM
};

/// The result of RNN and GRU.
struct [[nodiscard]] RecurrentResult {
  Tensor y;  ///< [N, L, directions * H]: the last layer's h at each position, forward and reverse side by side
  Tensor h;  ///< [num_layers * directions, N, H]: each layer's final state, forward before reverse
};

/// The result of LSTM: y and h as in RecurrentResult, and c, the final cell state, laid out like h.
struct [[nodiscard]] LSTMResult {
  Tensor y;
  Tensor h;
  Tensor c;
};

/// What layers of LSTMs and of GRUs are made with.
struct RecurrentOptions {
  std::int64_t num_layers = 1;
  bool bias = true;
  bool bidirectional = false;
  /// In training, the share of each layer's output that is dropped before the next layer reads it.
  double dropout = 0.0;
  DType dtype = float32;
};
using LSTMOptions = RecurrentOptions;
using GRUOptions = RecurrentOptions;

struct RNNOptions {
  std::int64_t num_layers = 1;
  Activation nonlinearity = Activation::tanh;
  bool bias = true;
  bool bidirectional = false;
  double dropout = 0.0;
  DType dtype = float32;
};

/// What RNN, LSTM and GRU share: layers of directions.
class RecurrentLayers : public Module {
 public:
  /// Layer l in direction d (1: reverse) stands at [l * directions + d], and is named "weight_ih_l0_reverse".
  std::vector<RecurrentWeights> weights;
  void visit_members(MemberVisitor& visitor) override;

 protected:
  RecurrentLayers(std::string_view layer, int gates, std::int64_t input_size, std::int64_t hidden_size,
                  const RecurrentOptions& options);

  /// x [N, L, E] through all layers from the state h0.
  RecurrentResult run(const Tensor& x, const Mask& mask, const Tensor& h0) const;
  /// The same from the states h and c.
  LSTMResult run(const Tensor& x, const Mask& mask, const RecurrentState& initial) const;

 private:
  struct Passed {
    Tensor y;
    RecurrentState last;
  };
  /// x through all layers from states that are there; c is carried along where it is.
  Passed through_layers(const Tensor& x, const Mask& mask, const RecurrentState& initial) const;
  void expect_sequences(const Tensor& x, const Mask& mask) const;
  /// The states after each position, [L, N, H], from what the input gives the gates [L, N, G H]. Where the mask hides a
  /// position the state stays.
  virtual RecurrentState states(const Tensor& from_input, const RecurrentWeights& w, const RecurrentState& initial,
                                const Mask& mask, const SequenceOptions& options) const = 0;
  Tensor initial_state(std::string_view which, const Tensor& given, const Tensor& x) const;

  std::string_view layer_;
  std::int64_t input_size_;
  std::int64_t hidden_size_;
  bool bidirectional_;
  double dropout_;
};

/// Elman 1990: h' = nonlinearity(W_ih x + b_ih + W_hh h + b_hh).
class RNN : public RecurrentLayers {
 public:
  /// Throws ValueError for sizes or layers below 1, a dropout outside [0, 1) or what is no Activation, DTypeError for a
  /// dtype that is not floating.
  RNN(std::int64_t input_size, std::int64_t hidden_size, const RNNOptions& options = {});

  /// x [N, L, E]; of the mask only the positions [N, L] are used; h0 [num_layers * directions, N, H], zeros when
  /// undefined. A causal mask changes nothing, since one direction is causal anyway. Throws ShapeError (also for a mask
  /// of pairs), DTypeError, and ValueError for a causal mask when the layer is bidirectional.
  RecurrentResult operator()(const Tensor& x, const Mask& mask = {}, const Tensor& h0 = {}) const;

 private:
  RecurrentState states(const Tensor& from_input, const RecurrentWeights& w, const RecurrentState& initial,
                        const Mask& mask, const SequenceOptions& options) const override;

  Activation nonlinearity_;
};

/// Hochreiter and Schmidhuber 1997, with the forget gate of Gers, Schmidhuber and Cummins 2000: see lstm. Gates stand
/// in the order input, forget, cell, output.
class LSTM : public RecurrentLayers {
 public:
  /// Throws as RNN's.
  LSTM(std::int64_t input_size, std::int64_t hidden_size, const LSTMOptions& options = {});

  /// As RNN's; the initial state's h and c may each be undefined.
  LSTMResult operator()(const Tensor& x, const Mask& mask = {}, const RecurrentState& initial = {}) const;

 private:
  RecurrentState states(const Tensor& from_input, const RecurrentWeights& w, const RecurrentState& initial,
                        const Mask& mask, const SequenceOptions& options) const override;
};

/// Cho et al. 2014, arXiv:1406.1078: see gru. Gates stand in the order reset, update, new.
class GRU : public RecurrentLayers {
 public:
  /// Throws as RNN's.
  GRU(std::int64_t input_size, std::int64_t hidden_size, const GRUOptions& options = {});

  /// As RNN's.
  RecurrentResult operator()(const Tensor& x, const Mask& mask = {}, const Tensor& h0 = {}) const;

 private:
  RecurrentState states(const Tensor& from_input, const RecurrentWeights& w, const RecurrentState& initial,
                        const Mask& mask, const SequenceOptions& options) const override;
};

/// What cells of LSTMs and of GRUs are made with.
struct RecurrentCellOptions {
  bool bias = true;
  DType dtype = float32;
};
using LSTMCellOptions = RecurrentCellOptions;
using GRUCellOptions = RecurrentCellOptions;

/// What the cells share: the parameters and their two products.
class RecurrentCell : public Module, public RecurrentWeights {
 public:
  TAPEGRAD_MODULE(weight_ih, weight_hh, bias_ih, bias_hh)

 protected:
  RecurrentCell(std::string_view cell, int gates, std::int64_t input_size, std::int64_t hidden_size,
                RecurrentCellOptions options);

  /// Throws unless x is [N, E]; gives `state`, zeros [N, H] when it is undefined.
  Tensor state_for(const Tensor& x, std::string_view which, const Tensor& state) const;

 private:
  std::string_view cell_;
};

struct RNNCellOptions {
  Activation nonlinearity = Activation::tanh;
  bool bias = true;
  DType dtype = float32;
};

/// One step of an RNN.
class RNNCell : public RecurrentCell {
 public:
  /// Throws ValueError for sizes below 1 or what is no Activation, DTypeError for a dtype that is not floating.
  RNNCell(std::int64_t input_size, std::int64_t hidden_size, RNNCellOptions options = {});

  /// x [N, E], h [N, H] (zeros when undefined) -> the next h. Throws ShapeError, DTypeError for tensors of another
  /// dtype than the parameters'.
  Tensor operator()(const Tensor& x, const Tensor& h = {}) const;

 private:
  Activation nonlinearity_;
};

/// One step of an LSTM.
class LSTMCell : public RecurrentCell {
 public:
  /// Throws as RNNCell's.
  LSTMCell(std::int64_t input_size, std::int64_t hidden_size, LSTMCellOptions options = {});

  /// x [N, E], the state's h and c [N, H] (zeros when undefined) -> the next state. Throws as RNNCell's.
  RecurrentState operator()(const Tensor& x, const RecurrentState& state = {}) const;
};

/// One step of a GRU.
class GRUCell : public RecurrentCell {
 public:
  /// Throws as RNNCell's.
  GRUCell(std::int64_t input_size, std::int64_t hidden_size, GRUCellOptions options = {});

  /// x [N, E], h [N, H] (zeros when undefined) -> the next h. Throws as RNNCell's.
  Tensor operator()(const Tensor& x, const Tensor& h = {}) const;
};

}  // namespace tapegrad::nn
