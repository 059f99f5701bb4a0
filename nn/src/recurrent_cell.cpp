#include <fmt/format.h>

#include <utility>

#include "expect_options.hpp"
#include "recurrent_parts.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/nn/catalogue.hpp"
#include "tapegrad/nn/recurrent.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/ops/recurrent.hpp"
#include "tapegrad/tape/create.hpp"

namespace tapegrad::nn {

RecurrentCell::RecurrentCell(std::string_view cell, int gates, std::int64_t input_size, std::int64_t hidden_size,
                             RecurrentCellOptions options)
    : cell_(cell) {
  expect_sizes(cell, input_size, hidden_size);
  expect_floating(cell, options.dtype);
  static_cast<RecurrentWeights&>(*this) = make_weights(gates, input_size, hidden_size, options.bias, options.dtype);
}

Tensor RecurrentCell::state_for(const Tensor& x, std::string_view which, const Tensor& state) const {
  expect_defined(cell_, x);
  if (x.dim() != 2 || x.size(1) != weight_ih->size(1))
    throw ShapeError(fmt::format("[{}] expected x [N, {}], got {}", cell_, weight_ih->size(1), to_string(x.shape())));
  const Shape shape{x.size(0), weight_hh->size(1)};
  if (!state.defined()) return zeros(shape, {.dtype = x.dtype()});
  if (state.shape() != shape)
    throw ShapeError(
        fmt::format("[{}] expected {} to be {}, got {}", cell_, which, to_string(shape), to_string(state.shape())));
  return state;
}

RNNCell::RNNCell(std::int64_t input_size, std::int64_t hidden_size, RNNCellOptions options)
    : RecurrentCell("RNNCell", 1, input_size, hidden_size, {.bias = options.bias, .dtype = options.dtype}),
      nonlinearity_(options.nonlinearity) {
  expect_activation("RNNCell", nonlinearity_);
}

Tensor RNNCell::operator()(const Tensor& x, const Tensor& h) const {
  const Scope scope = entered();
  const Tensor before = state_for(x, "h", h);
  return rnn_step(nonlinearity_, linear(x, weight_ih, bias_ih), linear(before, weight_hh, bias_hh));
}

LSTMCell::LSTMCell(std::int64_t input_size, std::int64_t hidden_size, LSTMCellOptions options)
    : RecurrentCell("LSTMCell", 4, input_size, hidden_size, options) {}

RecurrentState LSTMCell::operator()(const Tensor& x, const RecurrentState& state) const {
  const Scope scope = entered();
  const RecurrentState before = {state_for(x, "h", state.h), state_for(x, "c", state.c)};
  const auto [h, c] = lstm_cell(linear(x, weight_ih, bias_ih), linear(before.h, weight_hh, bias_hh), before.c);
  return {h, c};
}

GRUCell::GRUCell(std::int64_t input_size, std::int64_t hidden_size, GRUCellOptions options)
    : RecurrentCell("GRUCell", 3, input_size, hidden_size, options) {}

Tensor GRUCell::operator()(const Tensor& x, const Tensor& h) const {
  const Scope scope = entered();
  const Tensor before = state_for(x, "h", h);
  return gru_cell(linear(x, weight_ih, bias_ih), linear(before, weight_hh, bias_hh), before);
}

namespace {

template <class Cell>
catalogue::LayerSamples cell_samples(Generator& g, Cell with_bias, Cell without) {
  using namespace catalogue;
  return {layer_sample("from a state", std::move(with_bias), {uniform(g, {2, 3}, -2, 2), uniform(g, {2, 2}, -1, 1)}),
          layer_sample("without bias, from zeros", std::move(without), {uniform(g, {2, 3}, -2, 2)},
                       [](Cell& cell, const Tensor& x) {
                         return cell(x, zeros({2, 2}, {.dtype = x.dtype()}));
                       })};
}

struct RNNCellEntry {
  static constexpr std::string_view math =
      R"(h' = f(W_{ih} x + b_{ih} + W_{hh} h + b_{hh}),\ f \text{ the nonlinearity})";
  static catalogue::LayerSamples samples(Generator& g) {
    return cell_samples(g, RNNCell(3, 2, {.dtype = float64}),
                        RNNCell(3, 2, {.nonlinearity = Activation::gelu, .bias = false, .dtype = float64}));
  }
  static catalogue::ErrorSamples errors() {
    return {{"state",
             [] {
               (void)RNNCell(2, 3)(zeros({4, 2}), zeros({4, 2}));
             },
             "[RNNCell] expected h to be [4, 3], got [4, 2]"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) {
    return catalogue::layer_sample("64 sequences, width 128", RNNCell(128, 128, {.dtype = float64}),
                                   {catalogue::uniform(g, {64, 128}, -2, 2), catalogue::uniform(g, {64, 128}, -1, 1)});
  }
};

struct LSTMCellEntry {
  static constexpr std::string_view math =
      R"(c' = f \odot c + i \odot g,\ h' = o \odot \tanh c',\ (i, f, g, o) = (\sigma, \sigma, \tanh, \sigma)(W_{ih} x + b_{ih} + W_{hh} h + b_{hh}))";
  static catalogue::LayerSamples samples(Generator& g) {
    using namespace catalogue;
    return {layer_sample("from a state", LSTMCell(3, 2, {.dtype = float64}),
                         {uniform(g, {2, 3}, -2, 2), uniform(g, {2, 2}, -1, 1), uniform(g, {2, 2}, -1, 1)}, next),
            layer_sample("without bias, from zeros", LSTMCell(3, 2, {.bias = false, .dtype = float64}),
                         {uniform(g, {2, 3}, -2, 2)}, [](LSTMCell& cell, const Tensor& x) {
                           const RecurrentState state = cell(x);
                           return std::vector<Tensor>{state.h, state.c};
                         })};
  }
  static catalogue::ErrorSamples errors() {
    return {{"state",
             [] {
               (void)LSTMCell(2, 3)(zeros({4, 2}), {zeros({4, 3}), zeros({1, 3})});
             },
             "[LSTMCell] expected c to be [4, 3], got [1, 3]"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) {
    using namespace catalogue;
    return layer_sample("64 sequences, width 128", LSTMCell(128, 128, {.dtype = float64}),
                        {uniform(g, {64, 128}, -2, 2), uniform(g, {64, 128}, -1, 1), uniform(g, {64, 128}, -1, 1)},
                        next);
  }

 private:
  static std::vector<Tensor> next(LSTMCell& cell, const Tensor& x, const Tensor& h, const Tensor& c) {
    const RecurrentState state = cell(x, {h, c});
    return {state.h, state.c};
  }
};

struct GRUCellEntry {
  static constexpr std::string_view math =
      R"(h' = (1 - z) \odot n + z \odot h,\ r = \sigma(W_{ir} x + b_{ir} + W_{hr} h + b_{hr}),\ z = \sigma(W_{iz} x + b_{iz} + W_{hz} h + b_{hz}),\ n = \tanh(W_{in} x + b_{in} + r \odot (W_{hn} h + b_{hn})))";
  static catalogue::LayerSamples samples(Generator& g) {
    return cell_samples(g, GRUCell(3, 2, {.dtype = float64}), GRUCell(3, 2, {.bias = false, .dtype = float64}));
  }
  static catalogue::ErrorSamples errors() {
    return {{"another width", [] { (void)GRUCell(2, 3)(zeros({4, 5})); }, "[GRUCell] expected x [N, 2], got [4, 5]"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) {
    return catalogue::layer_sample("64 sequences, width 128", GRUCell(128, 128, {.dtype = float64}),
                                   {catalogue::uniform(g, {64, 128}, -2, 2), catalogue::uniform(g, {64, 128}, -1, 1)});
  }
};

}  // namespace

TAPEGRAD_LAYER(recurrent, RNNCell, RNNCellEntry)
TAPEGRAD_LAYER(recurrent, LSTMCell, LSTMCellEntry)
TAPEGRAD_LAYER(recurrent, GRUCell, GRUCellEntry)

}  // namespace tapegrad::nn
