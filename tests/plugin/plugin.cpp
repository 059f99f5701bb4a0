// A shared object that carries the engine in it, as an extension module of another language does.
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/tape.hpp"

using namespace tapegrad;

/// d/dx of x^2 + x^2.
extern "C" double slope_of_squares(double x) {
  const Tensor points = tensor({x, x}, {.dtype = float64, .requires_grad = true});
  Tape tape;
  tape.backward(sum(square(points)));
  return sum(points.grad()).item();
}
