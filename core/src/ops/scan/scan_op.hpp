// What running sums, products and recurrences share: one axis, and lines of contiguous memory along it.
#pragma once

#include "base/dispatch.hpp"
#include "kernels/scan.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/scan.hpp"
#include "tapegrad/ops/view.hpp"

namespace tapegrad {

inline kernels::Direction opposite(kernels::Direction direction) {
  return direction == kernels::Direction::forward ? kernels::Direction::backward : kernels::Direction::forward;
}
inline std::string_view to_string(kernels::Direction direction) {
  return direction == kernels::Direction::forward ? "forward" : "backward";
}

/// Entry i moves to i + 1 (against the direction: to i - 1) along the axis; `value` comes in.
inline Tensor shifted(const Tensor& x, int axis, kernels::Direction direction, double value) {
  const std::int64_t n = x.shape()[axis];
  if (n == 0) return x;
  const bool forward = direction == kernels::Direction::forward;
  std::vector<PadWidth> widths(x.shape().size());
  (forward ? widths[static_cast<std::size_t>(axis)].before : widths[static_cast<std::size_t>(axis)].after) = 1;
  return pad(slice(x, axis, forward ? Slice{0, n - 1} : Slice{1, n}), widths, value);
}

/// The shapes on which every scan is checked.
inline catalogue::Samples scan_samples(Generator& g, Tensor (*f)(const Tensor&, Axis)) {
  using catalogue::of;
  using catalogue::uniform;
  const auto along = [f](int axis) { return of([f, axis](const Tensor& x) { return f(x, axis); }); };
  return {
      {"vector", {uniform(g, {5}, -2, 2)}, along(0)},        {"last axis", {uniform(g, {2, 4}, -2, 2)}, along(-1)},
      {"first axis", {uniform(g, {4, 3}, -2, 2)}, along(0)}, {"middle axis", {uniform(g, {2, 3, 2}, -2, 2)}, along(1)},
      {"one entry", {uniform(g, {3, 1}, -2, 2)}, along(1)},  {"no lines", {uniform(g, {0, 3}, -2, 2)}, along(1)},
      {"empty lines", {uniform(g, {3, 0}, -2, 2)}, along(1)}};
}

}  // namespace tapegrad
