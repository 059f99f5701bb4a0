#include "ops/recurrent/sequence.hpp"

#include <fmt/format.h>

#include "ops/expect_positions.hpp"

namespace tapegrad {

void expect_sequence(std::string_view op, int gates, const Tensor& from_input, const Tensor& weight, const Tensor& bias,
                     const std::vector<std::pair<std::string_view, Tensor>>& states, const Mask& mask) {
  expect_defined(op, from_input, "input 0 (from_input)");
  expect_defined(op, weight, "input 1 (weight_hh)");
  expect_floating(op, from_input);
  expect_same_dtype(op, from_input, weight);
  const bool fits = from_input.dim() == 3 && weight.dim() == 2 && weight.size(0) == gates * weight.size(1) &&
                    from_input.size(2) == weight.size(0);
  if (!fits)
    throw ShapeError(fmt::format("[{0}] expected from_input [L, N, {1}H] and weight_hh [{1}H, H], got {2} and {3}", op,
                                 gates, to_string(from_input.shape()), to_string(weight.shape())));
  if (bias.defined()) {
    expect_same_dtype(op, from_input, bias);
    if (bias.shape() != Shape{weight.size(0)})
      throw ShapeError(fmt::format("[{}] expected a bias [{}], got {}", op, weight.size(0), to_string(bias.shape())));
  }
  const Shape of_state{from_input.size(1), weight.size(1)};
  for (const auto& [name, state] : states) {
    expect_defined(op, state, name);
    expect_same_dtype(op, from_input, state);
    if (state.shape() != of_state)
      throw ShapeError(fmt::format("[{}] expected {} to be [N, H] = {}, got {}", op, name, to_string(of_state),
                                   to_string(state.shape())));
  }
  expect_positions(op, mask, "[N, L]", {from_input.size(1), from_input.size(0)});
}

Tensor valid_steps(const Mask& mask) {
  return mask.positions().defined() ? transpose(mask.positions(), 0, 1).contiguous() : Tensor();
}

}  // namespace tapegrad
