#include <fmt/format.h>

#include "tape/expect.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/ops/linalg.hpp"

namespace tapegrad {

Tensor dot(const Tensor& a, const Tensor& b) {
  expect_defined("dot", a, "input 0 (a)");
  expect_defined("dot", b, "input 1 (b)");
  expect_floating("dot", a);
  expect_same_dtype("dot", a, b);
  if (a.dim() != 1 || a.shape() != b.shape())
    throw ShapeError(fmt::format("[dot] expected two vectors of one length, got {} and {}", to_string(a.shape()),
                                 to_string(b.shape())));
  return matmul(a, b);
}

}  // namespace tapegrad
