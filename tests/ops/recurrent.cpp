// Whole sequences against their cells, taken step by step.
#include "tapegrad/ops/recurrent.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "fixture.hpp"
#include "tapegrad/base/random.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/tape.hpp"

using namespace tapegrad;
using test::check_close;

namespace {

/// from_input, weight, bias, and the initial states: one for a GRU, two for an LSTM.
using Operands = std::vector<Tensor>;

struct Lstm {
  static constexpr std::int64_t gates = 4, states = 2;
  static std::vector<Tensor> step(const Tensor& from_input, const Tensor& from_state, const std::vector<Tensor>& old) {
    const auto [h, c] = lstm_cell(from_input, from_state, old[1]);
    return {h, c};
  }
  static std::vector<Tensor> sequence(const Operands& x, const Mask& mask, bool reverse) {
    const auto [h, c] = lstm(x[0], x[1], x[2], x[3], x[4], mask, {.reverse = reverse});
    return {h, c};
  }
};

struct Gru {
  static constexpr std::int64_t gates = 3, states = 1;
  static std::vector<Tensor> step(const Tensor& from_input, const Tensor& from_state, const std::vector<Tensor>& old) {
    return {gru_cell(from_input, from_state, old[0])};
  }
  static std::vector<Tensor> sequence(const Operands& x, const Mask& mask, bool reverse) {
    return {gru(x[0], x[1], x[2], x[3], mask, {.reverse = reverse})};
  }
};

/// What the sequence op stands for.
template <class Cell>
std::vector<Tensor> unrolled(const Operands& x, const Mask& mask, bool reverse) {
  const std::int64_t length = x[0].size(0);
  std::vector<Tensor> state(x.begin() + 3, x.end());
  std::vector<std::vector<Tensor>> all(state.size(), std::vector<Tensor>(static_cast<std::size_t>(length)));
  for (std::int64_t k = 0; k < length; ++k) {
    const std::int64_t t = reverse ? length - 1 - k : k;
    const std::vector<Tensor> next = Cell::step(x[0][t], linear(state[0], x[1], x[2]), state);
    for (std::size_t i = 0; i < state.size(); ++i) {
      const Tensor& positions = mask.positions();
      state[i] = positions.defined() ? where(unsqueeze(select(positions, 1, t), -1), next[i], state[i]) : next[i];
      all[i][static_cast<std::size_t>(t)] = state[i];
    }
  }
  std::vector<Tensor> stacked;
  for (const std::vector<Tensor>& of_positions : all) stacked.push_back(stack(of_positions, 0));
  return stacked;
}

template <class Cell>
Operands operands(std::int64_t length, std::int64_t n, std::int64_t hidden, bool bias, DType dtype = float64) {
  Generator g(11);
  const auto leaf = [&](const Shape& shape) {
    return (randn(shape, g, {.dtype = dtype}) * 0.5).detach().set_requires_grad(true);
  };
  Operands x = {leaf({length, n, Cell::gates * hidden}), leaf({Cell::gates * hidden, hidden}),
                bias ? leaf({Cell::gates * hidden}) : Tensor()};
  for (std::int64_t i = 0; i < Cell::states; ++i) x.push_back(leaf({n, hidden}));
  return x;
}

std::vector<Tensor> defined_ones(const Operands& x) {
  std::vector<Tensor> some;
  std::copy_if(x.begin(), x.end(), std::back_inserter(some), [](const Tensor& t) { return t.defined(); });
  return some;
}

std::vector<Tensor> cotangents(const std::vector<Tensor>& ys) {
  Generator g(12);
  std::vector<Tensor> dys;
  for (const Tensor& y : ys) dys.push_back(randn(y.shape(), g, {.dtype = y.dtype()}));
  return dys;
}

template <class Cell>
void check_against_cells(const Operands& x, const Mask& mask, bool reverse) {
  std::vector<Tensor> expected, of_expected;
  {
    Tape tape;
    expected = unrolled<Cell>(x, mask, reverse);
    of_expected = tape.pull_back(expected, cotangents(expected), defined_ones(x));
  }
  for (const bool differentiable : {false, true}) {
    Tape tape;
    const std::vector<Tensor> ys = Cell::sequence(x, mask, reverse);
    for (std::size_t i = 0; i < ys.size(); ++i) check_close(ys[i], expected[i], 0.0);
    const std::vector<Tensor> dx =
        tape.pull_back(ys, cotangents(ys), defined_ones(x), {.create_graph = differentiable});
    for (std::size_t i = 0; i < dx.size(); ++i) check_close(dx[i], of_expected[i], 1e-12);
  }
}

template <class Cell>
void check_all_kinds() {
  const Mask holes = Mask::keep_positions(from_vector<bool>(
      {true, false, true, false, true, false, true, true, false, false, false, false, true, false, true}, {3, 5}));
  for (const bool reverse : {false, true}) {
    for (const bool bias : {false, true}) {
      BOOST_TEST_CONTEXT((reverse ? "reverse" : "forward") << (bias ? " with bias" : " without bias")) {
        const Operands x = operands<Cell>(5, 3, 4, bias);
        check_against_cells<Cell>(x, {}, reverse);
        check_against_cells<Cell>(x, Mask::from_lengths({2, 5, 0}, 5), reverse);
        check_against_cells<Cell>(x, Mask::from_lengths({2, 3, 1}, 5), reverse);  // steps that nobody takes
        check_against_cells<Cell>(x, holes, reverse);
        check_against_cells<Cell>(operands<Cell>(1, 3, 4, bias), {}, reverse);
        check_against_cells<Cell>(operands<Cell>(3, 70, 37, bias), {}, reverse);
      }
    }
  }
}

/// The gradient of each operand alone: nothing else may be needed for it.
template <class Cell>
void check_one_at_a_time() {
  const Mask mask = Mask::from_lengths({2, 4}, 4);
  const Operands all = operands<Cell>(4, 2, 3, true);
  std::vector<Tensor> expected;
  {
    Tape tape;
    const std::vector<Tensor> ys = Cell::sequence(all, mask, true);
    expected = tape.pull_back(ys, cotangents(ys), all);
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    Operands x;
    for (std::size_t j = 0; j < all.size(); ++j) x.push_back(j == i ? all[j] : all[j].detach());
    Tape tape;
    const std::vector<Tensor> results = Cell::sequence(x, mask, true);
    check_close(tape.pull_back(results, cotangents(results), {x[i]})[0], expected[i], 0.0);
  }
}

template <class Cell>
void check_padding_is_not_read() {
  const Mask mask = Mask::from_lengths({1, 3}, 3);
  Operands x = operands<Cell>(3, 2, 2, true);
  const Operands clean = x;
  std::vector<double> values = x[0].to_vector<double>();
  const std::size_t width = static_cast<std::size_t>(Cell::gates) * 2;
  for (const std::size_t row : {std::size_t{2}, std::size_t{4}})  // positions 1 and 2 of the first sequence
    std::fill_n(values.begin() + static_cast<std::ptrdiff_t>(row * width), width,
                std::numeric_limits<double>::quiet_NaN());
  x[0] = from_vector(values, x[0].shape(), {.requires_grad = true});
  for (const bool differentiable : {false, true}) {
    Tape tape;
    const std::vector<Tensor> expected = Cell::sequence(clean, mask, false);
    const std::vector<Tensor> ys = Cell::sequence(x, mask, false);
    for (std::size_t i = 0; i < ys.size(); ++i) check_close(ys[i], expected[i], 0.0);
    const std::vector<Tensor> of_clean =
        tape.pull_back(expected, cotangents(expected), clean, {.retain = true, .create_graph = differentiable});
    const std::vector<Tensor> dx = tape.pull_back(ys, cotangents(ys), x, {.create_graph = differentiable});
    for (std::size_t i = 0; i < dx.size(); ++i) check_close(dx[i], of_clean[i], 0.0);
  }
}

/// Operands whose elements lie in another order.
template <class Cell>
void check_any_strides() {
  const Operands x = operands<Cell>(3, 2, 5, true);
  Operands strided = x;
  strided[0] = transpose(transpose(x[0], 0, 1).contiguous(), 0, 1);
  strided[1] = transpose(transpose(x[1], 0, 1).contiguous(), 0, 1);
  const std::vector<Tensor> expected = Cell::sequence(x, {}, false);
  const std::vector<Tensor> ys = Cell::sequence(strided, {}, false);
  for (std::size_t i = 0; i < ys.size(); ++i) check_close(ys[i], expected[i], 0.0);
}

/// The bits of a sequence alone are those in a batch, whatever the others' lengths.
template <class Cell>
void check_alone_as_in_a_batch() {
  const std::int64_t batch = 9, length = 6, hidden = 21;
  const Operands x = operands<Cell>(length, batch, hidden, true, float32);
  const std::vector<std::int64_t> lengths = {6, 1, 4, 0, 5, 6, 2, 3, 6};
  const std::vector<Tensor> ys = Cell::sequence(x, Mask::from_lengths(lengths, length), false);
  for (std::int64_t n = 0; n < batch; ++n) {
    Operands one = {x[0].slice(1, {.start = n, .stop = n + 1}), x[1], x[2]};
    for (std::size_t i = 3; i < x.size(); ++i) one.push_back(x[i].slice(0, {.start = n, .stop = n + 1}));
    const std::int64_t own = lengths[static_cast<std::size_t>(n)];
    const std::vector<Tensor> alone = Cell::sequence(one, Mask::from_lengths({own}, length), false);
    for (std::size_t i = 0; i < ys.size(); ++i)
      BOOST_TEST(select(ys[i], 1, n).to_vector<float>() == select(alone[i], 1, 0).to_vector<float>(),
                 boost::test_tools::per_element());
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(recurrent)

BOOST_AUTO_TEST_CASE(a_sequence_is_its_cells_step_by_step) {
  BOOST_TEST_CONTEXT("lstm") { check_all_kinds<Lstm>(); }
  BOOST_TEST_CONTEXT("gru") { check_all_kinds<Gru>(); }
}

BOOST_AUTO_TEST_CASE(a_gradient_needs_no_other) {
  check_one_at_a_time<Lstm>();
  check_one_at_a_time<Gru>();
}

// c' does not depend on its output gate, whatever that is.
BOOST_AUTO_TEST_CASE(the_last_cell_state_has_no_gradient_by_the_output_gate) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor gates = from_vector<double>({0, 0, 0.5, nan}, {1, 4}).set_requires_grad(true);
  const Tensor c = full({1, 1}, 2.0, {.dtype = float64, .requires_grad = true});
  const Tensor none = zeros({1, 4}, {.dtype = float64});
  // sigmoid' c, sigmoid' tanh and sigmoid tanh' at 0 and 0.5.
  const double g = std::tanh(0.5);
  const Tensor expected = from_vector<double>({0.25 * g, 0.5, 0.5 * (1 - g * g), 0}, {1, 4});
  for (const bool differentiable : {false, true}) {
    Tape tape;
    const Tensor cell = lstm_cell(gates, none, c)[1];
    const std::vector<Tensor> of_cell =
        tape.pull_back({cell}, {ones({1, 1}, {.dtype = float64})}, {gates, c}, {.create_graph = differentiable});
    check_close(of_cell[0], expected, 1e-15);
    check_close(of_cell[1], full({1, 1}, 0.5, {.dtype = float64}), 1e-15);
    tape.clear();
    const Tensor sequence =
        lstm(unsqueeze(gates, 0), zeros({4, 1}, {.dtype = float64}), {}, zeros({1, 1}, {.dtype = float64}), c)[1];
    const std::vector<Tensor> of_sequence =
        tape.pull_back({sequence}, {ones({1, 1, 1}, {.dtype = float64})}, {gates, c}, {.create_graph = differentiable});
    check_close(of_sequence[0], expected, 1e-15);
    check_close(of_sequence[1], full({1, 1}, 0.5, {.dtype = float64}), 1e-15);
  }
}

BOOST_AUTO_TEST_CASE(nothing_of_the_padding_is_read) {
  check_padding_is_not_read<Lstm>();
  check_padding_is_not_read<Gru>();
}

BOOST_AUTO_TEST_CASE(operands_may_be_strided) {
  check_any_strides<Lstm>();
  check_any_strides<Gru>();
}

BOOST_AUTO_TEST_CASE(a_sequence_has_the_same_bits_in_any_batch) {
  check_alone_as_in_a_batch<Lstm>();
  check_alone_as_in_a_batch<Gru>();
}

BOOST_AUTO_TEST_SUITE_END()
