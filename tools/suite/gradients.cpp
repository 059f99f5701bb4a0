#include "suite/gradients.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "suite/tensors.hpp"
#include "tapegrad/base/random.hpp"
#include "tapegrad/format.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tapegrad::suite {
namespace {

std::string text(const Tensor& x) { return x.defined() ? to_string(x) : "undefined"; }

double largest(const std::vector<Tensor>& xs) {
  double most = 0.0;
  for (const Tensor& x : xs) {
    if (!x.defined()) continue;
    for (const double v : doubles(x))
      if (std::isfinite(v)) most = std::max(most, std::abs(v));
  }
  return most;
}

}  // namespace

Gradients gradients(const catalogue::Call& call, const catalogue::Arguments& inputs, std::vector<Tensor>& us,
                    GradientsOptions options) {
  const RandomStream random = default_generator().state();
  Tape tape;
  catalogue::Arguments leaves = inputs;
  std::vector<Tensor> wanted;
  for (Tensor& x : leaves)
    if (carries_gradient(x)) {
      x = x.detach().set_requires_grad(true);
      wanted.push_back(x);
    }
  const std::vector<Tensor> ys = call(leaves);
  default_generator().set_state(random);
  Gradients result;
  std::vector<Tensor> roots;
  std::vector<Tensor> cotangents;
  Generator g(11);
  for (std::size_t j = 0; j < ys.size(); ++j) {
    result.ys.push_back(ys[j].detach());
    if (us.size() <= j) us.push_back(carries_gradient(ys[j]) ? normal_like(ys[j], g) : Tensor());
    if (!carries_gradient(ys[j]) || !ys[j].is_tracked()) continue;
    roots.push_back(ys[j]);
    cotangents.push_back(options.scattered_cotangents ? scattered(us[j]) : us[j]);
  }
  std::vector<Tensor> found(wanted.size());
  if (!roots.empty()) found = tape.pull_back(roots, cotangents, wanted, {.create_graph = options.differentiable_rules});
  std::size_t next = 0;
  for (const Tensor& x : leaves) {
    const Tensor dx = carries_gradient(x) ? found[next++] : Tensor();
    result.dxs.push_back(dx.defined() ? dx.detach() : dx);
  }
  return result;
}

std::string difference(const Gradients& a, const Gradients& b, double tolerance, double of_all) {
  if (a.ys.size() != b.ys.size()) return fmt::format("{} outputs and {}", a.ys.size(), b.ys.size());
  for (std::size_t j = 0; j < a.ys.size(); ++j)
    if (const double d = distance(a.ys[j], b.ys[j]); !(d <= tolerance))
      return fmt::format("output {} differs by {:.3g} of its size (allowed {:.3g})\n{}\n{}", j, d, tolerance,
                         text(a.ys[j]), text(b.ys[j]));
  const double size = largest(b.dxs) * of_all / tolerance;
  for (std::size_t i = 0; i < a.dxs.size(); ++i)
    if (const double d = distance(a.dxs[i], b.dxs[i], size); !(d <= tolerance))
      return fmt::format("the gradient of input {} differs by {:.3g} of its size (allowed {:.3g})\n{}\n{}", i, d,
                         tolerance, text(a.dxs[i]), text(b.dxs[i]));
  return "";
}

}  // namespace tapegrad::suite
