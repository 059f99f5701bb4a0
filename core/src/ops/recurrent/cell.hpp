// What recurrent cells and sequences share: shapes, and pieces of their rules.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "tape/expect.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/view.hpp"

namespace tapegrad {

/// Throws unless from_input and from_state are [N, gates H] for a state [N, H], floating and all of one dtype.
inline void expect_cell(std::string_view op, int gates, std::string_view state_name, const Tensor& from_input,
                        const Tensor& from_state, const Tensor& state) {
  expect_defined(op, from_input, "input 0 (from_input)");
  expect_defined(op, from_state, "input 1 (from_state)");
  if (!state.defined()) throw_undefined_input(op, state, fmt::format("input 2 ({})", state_name));
  expect_floating(op, from_input);
  expect_same_dtype(op, from_input, from_state);
  expect_same_dtype(op, from_input, state);
  const bool fits = state.dim() == 2 && from_input.shape() == Shape{state.size(0), gates * state.size(1)} &&
                    from_state.shape() == from_input.shape();
  if (!fits)
    throw ShapeError(fmt::format(
        "[{0}] expected from_input and from_state [N, {1}H] and {2} [N, H], got {3}, {4} and {5}", op, gates,
        state_name, to_string(from_input.shape()), to_string(from_state.shape()), to_string(state.shape())));
}

/// The gates that lie side by side in z [N, count H].
inline std::vector<Tensor> gates_of(const Tensor& z, int count) {
  return split(z, std::vector<std::int64_t>(static_cast<std::size_t>(count), z.size(-1) / count), -1);
}

/// The slopes of sigmoid and tanh, from their values.
inline Tensor sigmoid_slope(const Tensor& y) { return y * (1.0 - y); }
inline Tensor tanh_slope(const Tensor& y) { return 1.0 - y * y; }

}  // namespace tapegrad
