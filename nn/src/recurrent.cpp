#include "tapegrad/nn/recurrent.hpp"

#include <fmt/format.h>

#include <string>

#include "expect_options.hpp"
#include "recurrent_parts.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/nn/catalogue.hpp"
#include "tapegrad/ops/dropout.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/recurrent.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"

namespace tapegrad::nn {

namespace {

/// Where the mask shows a position: bool [L, N, 1], undefined when it shows all.
Tensor valid_rows(const Mask& mask) {
  return mask.empty() ? Tensor() : unsqueeze(transpose(mask.positions(), 0, 1), -1);
}

/// x [L, N, E] with zeros where the mask hides a position.
Tensor without_padding(const Tensor& x, const Mask& mask) { return mask.empty() ? x : where(valid_rows(mask), x, 0.0); }

}  // namespace

RecurrentLayers::RecurrentLayers(std::string_view layer, int gates, std::int64_t input_size, std::int64_t hidden_size,
                                 const RecurrentOptions& options)
    : layer_(layer),
      input_size_(input_size),
      hidden_size_(hidden_size),
      bidirectional_(options.bidirectional),
      dropout_(options.dropout) {
  expect_sizes(layer, input_size, hidden_size);
  expect_floating(layer, options.dtype);
  if (options.num_layers < 1)
    throw ValueError(fmt::format("[{}] expected at least 1 layer, got {}", layer, options.num_layers));
  expect_dropout(layer, dropout_);
  const std::int64_t directions = bidirectional_ ? 2 : 1;
  for (std::int64_t l = 0; l < options.num_layers; ++l)
    for (std::int64_t d = 0; d < directions; ++d)
      weights.push_back(make_weights(gates, l == 0 ? input_size : directions * hidden_size, hidden_size, options.bias,
                                     options.dtype));
}

void RecurrentLayers::visit_members(MemberVisitor& visitor) {
  const std::size_t directions = bidirectional_ ? 2 : 1;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const std::string suffix = fmt::format("_l{}{}", i / directions, i % directions == 1 ? "_reverse" : "");
    visitor.parameter("weight_ih" + suffix, weights[i].weight_ih);
    visitor.parameter("weight_hh" + suffix, weights[i].weight_hh);
    visitor.parameter("bias_ih" + suffix, weights[i].bias_ih);
    visitor.parameter("bias_hh" + suffix, weights[i].bias_hh);
  }
}

Tensor RecurrentLayers::initial_state(std::string_view which, const Tensor& given, const Tensor& x) const {
  const Shape shape{static_cast<std::int64_t>(weights.size()), x.size(0), hidden_size_};
  if (!given.defined()) return zeros(shape, {.dtype = x.dtype()});
  if (given.shape() != shape)
    throw ShapeError(fmt::format("[{}] expected the initial {} to be {}, got {}", layer_, which, to_string(shape),
                                 to_string(given.shape())));
  return given;
}

void RecurrentLayers::expect_sequences(const Tensor& x, const Mask& mask) const {
  if (mask.pairs().defined())
    throw ShapeError(fmt::format("[{}] expected a mask of positions [N, L], got one of pairs {}", layer_,
                                 to_string(mask.pairs().shape())));
  if (mask.is_causal() && bidirectional_)
    throw ValueError(fmt::format(
        "[{}] a causal mask hides what is later, which a bidirectional layer reads: leave one of the two out", layer_));
  expect_defined(layer_, x);
  if (x.dim() != 3 || x.size(2) != input_size_)
    throw ShapeError(fmt::format("[{}] expected x [N, L, {}], got {}", layer_, input_size_, to_string(x.shape())));
  const Shape positions{x.size(0), x.size(1)};
  if (mask.positions().defined() && mask.positions().shape() != positions)
    throw ShapeError(fmt::format("[{}] expected the mask's positions to be [N, L] = {}, got {}", layer_,
                                 to_string(positions), to_string(mask.positions().shape())));
}

namespace {

/// What stands at i in the first dimension: of all layers' states one's, of all positions' one's.
RecurrentState state_at(const RecurrentState& states, std::int64_t i) {
  return {select(states.h, 0, i), states.c.defined() ? select(states.c, 0, i) : Tensor()};
}

RecurrentState stacked(const std::vector<RecurrentState>& states) {
  std::vector<Tensor> h, c;
  for (const RecurrentState& state : states) {
    h.push_back(state.h);
    if (state.c.defined()) c.push_back(state.c);
  }
  return {stack(h, 0), c.empty() ? Tensor() : stack(c, 0)};
}

}  // namespace

RecurrentLayers::Passed RecurrentLayers::through_layers(const Tensor& x, const Mask& mask,
                                                        const RecurrentState& initial) const {
  const bool padded = mask.positions().defined() && mask.valid_count(x.size(0), x.size(1)) < x.size(0) * x.size(1);
  const Mask valid = padded ? Mask::keep_positions(mask.positions()) : Mask();
  const std::size_t directions = bidirectional_ ? 2 : 1;
  std::vector<RecurrentState> last;
  Tensor h = without_padding(transpose(x, 0, 1), valid);  // [L, N, E]: a step's rows lie together
  for (std::size_t first = 0; first < weights.size(); first += directions) {
    if (first > 0 && is_training() && dropout_ > 0.0) h = dropout(h, dropout_);
    std::vector<Tensor> ys;
    for (std::size_t d = 0; d < directions; ++d) {
      const RecurrentWeights& w = weights[first + d];
      const bool reverse = d == 1;
      const RecurrentState before = state_at(initial, static_cast<std::int64_t>(first + d));
      const RecurrentState after = states(linear(h, w.weight_ih, w.bias_ih), w, before, valid, {.reverse = reverse});
      ys.push_back(without_padding(after.h, valid));
      last.push_back(x.size(1) == 0 ? before : state_at(after, reverse ? 0 : -1));
    }
    h = directions == 1 ? ys.front() : cat(ys, -1);
  }
  return {transpose(h, 0, 1).contiguous(), stacked(last)};
}

RecurrentResult RecurrentLayers::run(const Tensor& x, const Mask& mask, const Tensor& h0) const {
  const Scope scope = entered();
  expect_sequences(x, mask);
  const auto [y, last] = through_layers(x, mask, {initial_state("h", h0, x), {}});
  return {y, last.h};
}

LSTMResult RecurrentLayers::run(const Tensor& x, const Mask& mask, const RecurrentState& initial) const {
  const Scope scope = entered();
  expect_sequences(x, mask);
  const auto [y, last] = through_layers(x, mask, {initial_state("h", initial.h, x), initial_state("c", initial.c, x)});
  return {y, last.h, last.c};
}

RNN::RNN(std::int64_t input_size, std::int64_t hidden_size, const RNNOptions& options)
    : RecurrentLayers("RNN", 1, input_size, hidden_size,
                      {.num_layers = options.num_layers,
                       .bias = options.bias,
                       .bidirectional = options.bidirectional,
                       .dropout = options.dropout,
                       .dtype = options.dtype}),
      nonlinearity_(options.nonlinearity) {
  expect_activation("RNN", nonlinearity_);
}

RecurrentResult RNN::operator()(const Tensor& x, const Mask& mask, const Tensor& h0) const { return run(x, mask, h0); }
RecurrentState RNN::states(const Tensor& from_input, const RecurrentWeights& w, const RecurrentState& initial,
                           const Mask& mask, const SequenceOptions& options) const {
  const std::int64_t length = from_input.size(0);
  if (length == 0)  // as empty as the input's product, which stands for the states too: so all weights are on the tape
    return {rnn_step(nonlinearity_, from_input, linear(from_input, w.weight_hh, w.bias_hh)), {}};
  const Tensor valid = valid_rows(mask);
  Tensor h = initial.h;
  std::vector<Tensor> all(static_cast<std::size_t>(length));
  for (std::int64_t k = 0; k < length; ++k) {
    const std::int64_t t = options.reverse ? length - 1 - k : k;
    const Tensor next = rnn_step(nonlinearity_, select(from_input, 0, t), linear(h, w.weight_hh, w.bias_hh));
    h = valid.defined() ? where(select(valid, 0, t), next, h) : next;
    all[static_cast<std::size_t>(t)] = h;
  }
  return {stack(all, 0), {}};
}

LSTM::LSTM(std::int64_t input_size, std::int64_t hidden_size, const LSTMOptions& options)
    : RecurrentLayers("LSTM", 4, input_size, hidden_size, options) {}

LSTMResult LSTM::operator()(const Tensor& x, const Mask& mask, const RecurrentState& initial) const {
  return run(x, mask, initial);
}
RecurrentState LSTM::states(const Tensor& from_input, const RecurrentWeights& w, const RecurrentState& initial,
                            const Mask& mask, const SequenceOptions& options) const {
  const auto [h, c] = lstm(from_input, w.weight_hh, w.bias_hh, initial.h, initial.c, mask, options);
  return {h, c};
}

GRU::GRU(std::int64_t input_size, std::int64_t hidden_size, const GRUOptions& options)
    : RecurrentLayers("GRU", 3, input_size, hidden_size, options) {}

RecurrentResult GRU::operator()(const Tensor& x, const Mask& mask, const Tensor& h0) const { return run(x, mask, h0); }
RecurrentState GRU::states(const Tensor& from_input, const RecurrentWeights& w, const RecurrentState& initial,
                           const Mask& mask, const SequenceOptions& options) const {
  return {gru(from_input, w.weight_hh, w.bias_hh, initial.h, mask, options), {}};
}

namespace {

std::vector<Tensor> tensors_of(const RecurrentResult& result) { return {result.y, result.h}; }
std::vector<Tensor> tensors_of(const LSTMResult& result) { return {result.y, result.h, result.c}; }

catalogue::LayerSample sample_from_state(Generator& g, LSTM layer) {
  using namespace catalogue;
  return layer_sample("without bias, from a state", std::move(layer),
                      {uniform(g, {2, 2, 2}, -2, 2), uniform(g, {1, 2, 2}, -1, 1), uniform(g, {1, 2, 2}, -1, 1)},
                      [](LSTM& self, const Tensor& x, const Tensor& h0, const Tensor& c0) {
                        return tensors_of(self(x, {}, {h0, c0}));
                      });
}
template <class Layer>
catalogue::LayerSample sample_from_state(Generator& g, Layer layer) {
  using namespace catalogue;
  return layer_sample("without bias, from a state", std::move(layer),
                      {uniform(g, {2, 2, 2}, -2, 2), uniform(g, {1, 2, 2}, -1, 1)},
                      [](Layer& self, const Tensor& x, const Tensor& h0) { return tensors_of(self(x, {}, h0)); });
}

template <class Layer, class Options>
catalogue::LayerSamples recurrent_samples(Generator& g) {
  using namespace catalogue;
  const auto sequences = [&g](std::int64_t n, std::int64_t length) { return uniform(g, {n, length, 2}, -2, 2); };
  const auto with = [](const Mask& mask) {
    return [mask](Layer& layer, const Tensor& x) { return tensors_of(layer(x, mask)); };
  };
  const auto options = [](std::int64_t layers, bool bidirectional, double dropout, bool bias) {
    Options o;
    o.num_layers = layers;
    o.bias = bias;
    o.bidirectional = bidirectional;
    o.dropout = dropout;
    o.dtype = float64;
    return o;
  };
  const Mask padded = Mask::from_lengths({2, 3}, 3);
  return {layer_sample("one layer", Layer(2, 2, options(1, false, 0.0, true)), {sequences(2, 3)}, with({})),
          sample_from_state(g, Layer(2, 2, options(1, false, 0.0, false))),
          layer_sample("both directions, padded", Layer(2, 2, options(1, true, 0.0, true)), {sequences(2, 3)},
                       with(padded)),
          layer_sample("a sequence of padding", Layer(2, 2, options(1, true, 0.0, false)), {sequences(2, 2)},
                       with(Mask::from_lengths({0, 2}, 2))),
          layer_sample("two layers, dropout between", Layer(2, 2, options(2, false, 0.3, true)), {sequences(2, 2)},
                       with({}))};
}

template <class Layer, class Options>
catalogue::LayerSample recurrent_benchmark(Generator& g) {
  Options options;
  options.bidirectional = true;
  options.dtype = float64;
  std::vector<std::int64_t> lengths(32);
  for (std::int64_t& length : lengths) length = 1 + g.below(12);
  const Mask mask = Mask::from_lengths(lengths, 12);
  return catalogue::layer_sample("32 x 12 positions, width 64, both directions", Layer(40, 64, options),
                                 {catalogue::uniform(g, {32, 12, 40}, -2, 2)},
                                 [mask](Layer& layer, const Tensor& x) { return tensors_of(layer(x, mask)); });
}

struct RNNEntry {
  static constexpr std::string_view math =
      R"(h_t = f(W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh}),\ f \text{ the nonlinearity})";
  static catalogue::LayerSamples samples(Generator& g) {
    catalogue::LayerSamples all = recurrent_samples<RNN, RNNOptions>(g);
    all.push_back(catalogue::layer_sample("silu", RNN(2, 3, {.nonlinearity = Activation::silu, .dtype = float64}),
                                          {catalogue::uniform(g, {1, 3, 2}, -2, 2)},
                                          [](RNN& layer, const Tensor& x) { return tensors_of(layer(x)); }));
    return all;
  }
  static catalogue::ErrorSamples errors() {
    return {{"dropout", [] { RNN(2, 3, {.dropout = 1.0}); }, "[RNN] expected dropout in [0, 1), got 1"},
            {"initial state",
             [] {
               (void)RNN(2, 3)(zeros({1, 4, 2}), {}, zeros({1, 3}));
             },
             "[RNN] expected the initial h to be [1, 1, 3], got [1, 3]"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) { return recurrent_benchmark<RNN, RNNOptions>(g); }
};

struct LSTMEntry {
  static constexpr std::string_view math =
      R"(c_t = f \odot c_{t-1} + i \odot g,\ h_t = o \odot \tanh c_t,\ (i, f, g, o) = (\sigma, \sigma, \tanh, \sigma)(W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh}))";
  static catalogue::LayerSamples samples(Generator& g) { return recurrent_samples<LSTM, LSTMOptions>(g); }
  static catalogue::ErrorSamples errors() {
    return {{"sizes", [] { LSTM(0, 3); }, "[LSTM] expected sizes of at least 1, got input_size 0 and hidden_size 3"},
            {"rank",
             [] {
               (void)LSTM(2, 3)(zeros({4, 2}));
             },
             "[LSTM] expected x [N, L, 2], got [4, 2]"},
            {"positions",
             [] {
               (void)LSTM(2, 3)(zeros({1, 4, 2}), Mask::from_lengths({3}, 5));
             },
             "[LSTM] expected the mask's positions to be [N, L] = [1, 4], got [1, 5]"},
            {"initial state",
             [] {
               (void)LSTM(2, 3)(zeros({1, 4, 2}), {}, {{}, zeros({1, 3})});
             },
             "[LSTM] expected the initial c to be [1, 1, 3], got [1, 3]"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) { return recurrent_benchmark<LSTM, LSTMOptions>(g); }
};

struct GRUEntry {
  static constexpr std::string_view math =
      R"(h_t = (1 - z) \odot n + z \odot h_{t-1},\ r = \sigma(W_{ir} x_t + b_{ir} + W_{hr} h_{t-1} + b_{hr}),\ z = \sigma(W_{iz} x_t + b_{iz} + W_{hz} h_{t-1} + b_{hz}),\ n = \tanh(W_{in} x_t + b_{in} + r \odot (W_{hn} h_{t-1} + b_{hn})))";
  static catalogue::LayerSamples samples(Generator& g) { return recurrent_samples<GRU, GRUOptions>(g); }
  static catalogue::ErrorSamples errors() {
    return {{"layers", [] { GRU(2, 3, {.num_layers = 0}); }, "[GRU] expected at least 1 layer, got 0"},
            {"another dtype",
             [] {
               (void)GRU(2, 3)(zeros({1, 4, 2}, {.dtype = float64}));
             },
             "[linear] float64 [4, 1, 2] with float32 [9, 2]"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) { return recurrent_benchmark<GRU, GRUOptions>(g); }
};

}  // namespace

TAPEGRAD_LAYER(recurrent, RNN, RNNEntry)
TAPEGRAD_LAYER(recurrent, LSTM, LSTMEntry)
TAPEGRAD_LAYER(recurrent, GRU, GRUEntry)

}  // namespace tapegrad::nn
