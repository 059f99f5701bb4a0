#include <fmt/format.h>

#include "tape/expect.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/view.hpp"

namespace tapegrad {

Tensor trace(const Tensor& x) {
  if (rank_of("trace", x) != 2)
    throw ShapeError(fmt::format("[trace] expected a matrix, got {}", to_string(x.shape())));
  return sum(diagonal(x));
}

}  // namespace tapegrad
