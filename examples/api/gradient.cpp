// A gradient: operations are recorded while a Tape lives, one reverse sweep fills in .grad() of the leaves.
#include <fmt/format.h>
#include <tapegrad/tapegrad.hpp>
namespace tg = tapegrad;

int main() {
  auto x = tg::tensor({{1.0, 2.0}, {3.0, 4.0}}, {.dtype = tg::float64, .requires_grad = true});

  tg::Tape tape;  // operations are recorded while a Tape lives on this thread
  tg::Tensor y = tg::sum(tg::tanh(x) * x);
  fmt::print("{}\n", tape);
  tape.backward(y);  // one reverse sweep over the tape; gradients of leaves accumulate in .grad()

  fmt::print("{}\n{}\n", y.item(), x.grad());
}
