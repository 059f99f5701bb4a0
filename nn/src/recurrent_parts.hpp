// What recurrent layers and cells have in common.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string_view>

#include "tapegrad/base/error.hpp"
#include "tapegrad/nn/activation.hpp"
#include "tapegrad/nn/recurrent.hpp"
#include "tapegrad/tape/engine_ops.hpp"
#include "uniform_parameter.hpp"

namespace tapegrad::nn {

/// Throws ValueError for sizes of which no weights can be made.
inline void expect_sizes(std::string_view layer, std::int64_t input_size, std::int64_t hidden_size) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / 4;  // there are up to four gates
  if (std::min(input_size, hidden_size) < 1 || std::max(input_size, hidden_size) > kMost)
    throw ValueError(fmt::format("[{}] expected sizes of at least 1{}, got input_size {} and hidden_size {}", layer,
                                 std::min(input_size, hidden_size) < 1 ? "" : " and within reason", input_size,
                                 hidden_size));
}

/// The weights of one layer in one direction, or of a cell.
inline RecurrentWeights make_weights(std::int64_t gates, std::int64_t input_size, std::int64_t hidden_size, bool bias,
                                     DType dtype) {
  const auto uniform = [&](const Shape& shape) { return uniform_parameter(shape, hidden_size, dtype); };
  const std::int64_t rows = gates * hidden_size;
  RecurrentWeights w;
  w.weight_ih = uniform({rows, input_size});
  w.weight_hh = uniform({rows, hidden_size});
  if (!bias) return w;
  w.bias_ih = uniform({rows});
  w.bias_hh = uniform({rows});
  return w;
}

/// The new state of an RNN, from the products of its input and of its state.
inline Tensor rnn_step(Activation nonlinearity, const Tensor& from_input, const Tensor& from_state) {
  return activate(nonlinearity, add(from_input, from_state));
}

}  // namespace tapegrad::nn
