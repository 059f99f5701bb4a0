// A physics-informed network: its loss says how far it is from solving u'' = -u with u(0) = 0 and u'(0) = 1, whose
// solution is sin t, and L-BFGS minimises that over all points at once.
#include <fmt/format.h>
#include <tapegrad/tapegrad.hpp>
namespace tg = tapegrad;

struct Solution : tg::nn::Module {
  tg::nn::Linear inner{1, 16, {.dtype = tg::float64}};
  tg::nn::Linear outer{16, 1, {.dtype = tg::float64}};
  TAPEGRAD_MODULE(inner, outer)

  tg::Tensor operator()(const tg::Tensor& t) { return outer(tg::tanh(inner(t))); }
};

int main() {
  tg::manual_seed(0);
  Solution u;
  const tg::Tensor t = tg::linspace(0.0, 3.0, 40, {.dtype = tg::float64}).reshape({40, 1});
  const tg::Tensor start = tg::zeros({1, 1}, {.dtype = tg::float64});

  // Each u(t) depends on its own t alone: the gradient of the sum holds the derivatives of all.
  const auto slope = tg::grad([&](const tg::Tensor& at) { return tg::sum(u(at)); });
  const auto curvature = tg::grad([&](const tg::Tensor& at) { return tg::sum(slope(at)); });

  tg::optim::LBFGS optimizer(u.parameters(), {.max_iter = 500});
  const tg::optim::LBFGSResult result = optimizer.step([&] {
    return tg::mean(tg::square(curvature(t) + u(t))) + tg::sum(tg::square(u(start))) +
           tg::sum(tg::square(slope(start) - 1.0));
  });
  const double distance = tg::max(tg::abs(u(t) - tg::sin(t))).item();
  fmt::print("loss {:.2g} -> {:.2g} in {} iterations and {} evaluations, ended by {}\n", result.start_loss, result.loss,
             result.iterations, result.evaluations, tg::optim::to_string(result.stop));
  fmt::print("largest distance from sin t: {:.2g}\n", distance);
  return distance < 1e-2 ? 0 : 1;
}
