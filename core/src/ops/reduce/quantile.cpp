#include <fmt/format.h>

#include <cmath>

#include "ops/reduce/reduce_op.hpp"
#include "tapegrad/ops/sort.hpp"
#include "tapegrad/ops/view.hpp"

namespace tapegrad {
namespace {

/// x with the axes of the set as one, the last: [.., n].
Tensor gathered_last(const Tensor& x, AxisSet set) {
  Shape shape = reduced_shape(x.shape(), set, false);
  std::int64_t n = 1;
  for (int d = 0; d < x.dim(); ++d)
    if (contains(set, d)) n *= x.shape()[d];
  shape.push_back(n);
  return reshape(permute(x, reduced_last(x.dim(), set)), shape);
}

/// low + share (high - low), of infinities too, and never beyond either: from the nearer one on.
Tensor between(const Tensor& low, const Tensor& high, double share) {
  const Tensor distance = high - low;
  const Tensor inside = share < 0.5 ? low + share * distance : high - (1.0 - share) * distance;
  return where(isfinite(distance), inside, (1.0 - share) * low + share * high);
}

Tensor quantile_of(std::string_view op, const Tensor& x, double q, const Axes& axes, bool keepdim) {
  expect_floating(op, x);
  if (!(q >= 0.0 && q <= 1.0)) throw ValueError(fmt::format("[{}] expected q in [0, 1], got {}", op, q));
  const AxisSet set = axes_of(op, axes, x);
  const Tensor rows = gathered_last(x, set);
  const std::int64_t n = rows.size(-1);
  if (n == 0) throw ShapeError(fmt::format("[{}] no elements to choose from in {}", op, to_string(x.shape())));
  const Tensor sorted = sort(rows).values;
  const double place = q * static_cast<double>(n - 1);
  const auto below = static_cast<std::int64_t>(std::floor(place));
  const double share = place - std::floor(place);
  Tensor y = select(sorted, -1, below);
  if (share > 0.0) y = between(y, select(sorted, -1, below + 1), share);
  const Tensor largest = select(sorted, -1, n - 1);  // NaN stands last
  return reshape(where(isnan(largest), largest, y), reduced_shape(x.shape(), set, keepdim));
}

}  // namespace

Tensor quantile(const Tensor& x, double q, const Axes& axes, bool keepdim) {
  return quantile_of("quantile", x, q, axes, keepdim);
}

Tensor median(const Tensor& x, const Axes& axes, bool keepdim) { return quantile_of("median", x, 0.5, axes, keepdim); }

}  // namespace tapegrad
