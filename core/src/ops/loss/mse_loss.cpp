#include <fmt/format.h>

#include "ops/loss/reduced.hpp"
#include "tape/pointwise.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/ops/pointwise.hpp"

namespace tapegrad {

Tensor mse_loss(const Tensor& input, const Tensor& target, Reduction reduction) {
  expect_floating("mse_loss", input);
  expect_same_dtype("mse_loss", input, target);
  if (input.shape() != target.shape())
    throw ShapeError(
        fmt::format("[mse_loss] expected a target {}, got {}", to_string(input.shape()), to_string(target.shape())));
  return reduced(square(input - target), reduction);
}

}  // namespace tapegrad
