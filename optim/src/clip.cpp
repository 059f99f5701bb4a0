#include "tapegrad/optim/clip.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "bytes_of.hpp"
#include "expect_option.hpp"
#include "tapegrad/ops/update.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tapegrad::optim {
namespace {

constexpr const char* kClipNorm = "clip_grad_norm";

/// The gradients there are, each contiguous, to be written in place; once each, however often a leaf is named.
std::vector<Tensor> gradients_of(const std::vector<Tensor>& parameters) {
  std::vector<Tensor> gradients;
  gradients.reserve(parameters.size());
  std::set<const std::byte*> seen;  // where each begins: every leaf has its own
  for (const Tensor& x : parameters) {
    if (!x.has_grad()) continue;
    if (!x.grad().is_contiguous()) x.set_grad(x.grad().contiguous());
    if (seen.insert(bytes_of(x.grad()).data()).second) gradients.push_back(x.grad());
  }
  return gradients;
}

}  // namespace

double clip_grad_norm(const std::vector<Tensor>& parameters, double max_norm) {
  expect_option(max_norm > 0.0, kClipNorm, "max_norm", "positive", max_norm);
  const NoRecord pause;
  const std::vector<Tensor> gradients = gradients_of(parameters);
  const double norm = global_norm(gradients);
  if (std::isinf(max_norm)) return norm;  // no limit: nothing is scaled, and nothing rounded
  if (std::isinf(norm)) {
    // Where every element is finite the norm of these is too: there are fewer than 2^64 of them.
    constexpr double kUnit = 0x1p32;
    scale_in_place(gradients, 1.0 / kUnit, kClipNorm);
    scale_in_place(gradients, std::min(max_norm / global_norm(gradients), kUnit), kClipNorm);  // at most back again
  } else if (const double factor = max_norm / (norm + 1e-6); !(factor >= 1.0)) {
    scale_in_place(gradients, factor, kClipNorm);
  }
  return norm;
}

double clip_grad_value(const std::vector<Tensor>& parameters, double limit) {
  expect_option(limit > 0.0, "clip_grad_value", "the limit", "positive", limit);
  const NoRecord pause;
  return clamp_in_place(gradients_of(parameters), limit, "clip_grad_value");
}

}  // namespace tapegrad::optim
