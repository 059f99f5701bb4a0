// Derivatives of functions, as functions: f in, its derivative out, in any nesting.
#include <fmt/format.h>
#include <tapegrad/tapegrad.hpp>

#include <cmath>
namespace tg = tapegrad;

int main() {
  tg::manual_seed(0);
  const tg::TensorOptions wide{.dtype = tg::float64};
  const tg::Tensor x = tg::tensor({0.5, -1.0, 2.0}, wide);
  const tg::Tensor v = tg::tensor({1.0, 0.0, -1.0}, wide);
  const tg::Tensor w = tg::randn({2, 3}, wide);
  const tg::Tensor u = tg::randn({2, 3}, wide);

  // A function with one number as its result: gradient, Hessian, and the Hessian times a vector without the Hessian.
  auto f = [](const tg::Tensor& a) { return tg::sum(tg::exp(tg::sin(a))); };
  auto [y, dx] = tg::value_and_grad(f)(x);
  tg::Tensor hv = tg::hvp(f, x, v);  // forward over reverse
  tg::Tensor H = tg::hessian(f, x);
  fmt::print("f(x)  {}\ngrad  {}\nH v   {}\nH\n{}\n\n", y, dx, hv, H);

  // A function of several inputs with a vector as its result: its Jacobian times a vector, from both sides.
  auto g = [](const tg::Tensor& a, const tg::Tensor& b) { return tg::softmax(tg::matmul(b, tg::tanh(a))); };
  auto [out, dout] = tg::jvp(g, {x, w}, {v, u});                         // J (v, u), in one forward run
  auto [out2, pullback] = tg::vjp(g, {x, w});                            // pullback(dy) -> J^T dy, for each input
  const std::vector<tg::Tensor> pulled = pullback(tg::ones_like(out2));  // probabilities add up to 1: this is 0
  auto of_x = [&](const tg::Tensor& a) { return g(a, w); };
  tg::Tensor J = tg::jacobian(of_x, x);  // by rows here: 2 results, 3 arguments
  fmt::print("g     {}\nJ(v,u) {}\nJ^T 1 {}\nJ\n{}\n\n", out, dout, pulled[0], J);

  // They nest: the third derivative of tanh, 1 - t^2 -> -2 t (1 - t^2) -> (6 t^2 - 2)(1 - t^2).
  auto tanh_of = [](const tg::Tensor& a) { return tg::tanh(a); };
  const tg::Tensor third = tg::grad(tg::grad(tg::grad(tanh_of)))(tg::tensor(0.7, wide));
  const double t = std::tanh(0.7);
  fmt::print("tanh'''(0.7) = {:.12f}\n", third.item());

  // A block whose values are computed again in the reverse sweep, instead of kept: same gradient, less memory.
  auto block = [&](const tg::Tensor& h) { return tg::tanh(tg::matmul(w, tg::tanh(tg::exp(h)))); };
  const tg::Tensor plain = tg::grad([&](const tg::Tensor& h) { return tg::sum(block(h)); })(x);
  const tg::Tensor again = tg::grad([&](const tg::Tensor& h) { return tg::sum(tg::checkpoint(block, h)); })(x);

  const auto close = [](const tg::Tensor& a, const tg::Tensor& b) { return tg::max(tg::abs(a - b)).item() < 1e-12; };
  const bool right = close(dx, tg::cos(x) * tg::exp(tg::sin(x))) && close(hv, tg::matmul(H, v)) &&
                     close(pulled[0], tg::zeros_like(x)) && close(tg::matmul(J, v), tg::jvp(of_x, x, v).second) &&
                     std::abs(third.item() - (6.0 * t * t - 2.0) * (1.0 - t * t)) < 1e-12 && close(again, plain);
  return right ? 0 : 1;
}
