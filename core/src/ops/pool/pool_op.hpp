// What the poolings share. Windows is SlidingWindows or AdaptiveWindows.
#pragma once

#include <array>
#include <vector>

#include "base/dispatch.hpp"
#include "ops/index/gathered_op.hpp"
#include "ops/pool/windows.hpp"
#include "ops/rows.hpp"
#include "tape/expect.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/index.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/pool.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

inline Shape pooled_shape(Shape x, std::size_t windows) {
  x[x.rank() - 1] = static_cast<std::int64_t>(windows);
  return x;
}

/// Means of windows: linear, so the forward rule is the op itself.
template <class Self, class Windows>
struct MeanPoolOp : Op<Self> {
  static constexpr Keep keep = Keep::nothing;
  static constexpr bool linear = true;
  Windows windows;

  explicit MeanPoolOp(const Windows& w) : windows(w) {}

  Tensor forward(const Tensor& x) const {
    const array::Array in = contiguous_array(x);
    const std::vector<kernels::Window> each = windows.over(Self::name, in.shape.back());
    Tensor y = empty(pooled_shape(in.shape, each.size()), {.dtype = in.dtype});
    with_floating(in.dtype, [&](auto zero) {
      using T = decltype(zero);
      kernels::window_sums(in.as<T>(), row_count(in.shape), in.shape.back(), each, written<T>(y));
    });
    return y;
  }
  /// Position p adds up the shares of the windows that hold it: rows of dy, chosen and added.
  Tensor vjp(const Saved& s, const Tensor& dy) const {
    const Shape& shape = s.input_shape(0);
    const std::vector<kernels::Window> each = windows.over(Self::name, shape.back());
    std::vector<double> shares;
    std::vector<std::int64_t> from, to;
    for (std::size_t i = 0; i < each.size(); ++i) {
      shares.push_back(each[i].share);
      for (std::int64_t p = each[i].begin; p < each[i].end; p += each[i].step) {
        from.push_back(static_cast<std::int64_t>(i));
        to.push_back(p);
      }
    }
    const Shape pairs{static_cast<std::int64_t>(from.size())};
    const Tensor share = from_vector(shares).to(dy.dtype());
    return index_add(zeros(shape, {.dtype = dy.dtype()}), -1, from_vector(to, pairs),
                     index_select(dy * share, -1, from_vector(from, pairs)));
  }
  void fused_vjp(const Saved& s, const Tensor& dy, GradientSink& sink) const {
    const Shape& shape = s.input_shape(0);
    const array::Array g = contiguous_array(dy);
    const Tensor dx = sink.accumulate_into(0);
    with_floating(g.dtype, [&](auto zero) {
      using T = decltype(zero);
      kernels::add_to_windows(g.as<T>(), row_count(shape), shape.back(), windows.over(Self::name, shape.back()),
                              written<T>(dx));
    });
  }
  void describe(AttributeVisitor& visitor) const { windows.describe(visitor); }
};

/// Largest elements of windows. Outputs: values, which carry the gradient, and their positions, which do not.
template <class Self, class Windows>
struct MaxPoolOp : GatheredOp<Self> {
  Windows windows;

  explicit MaxPoolOp(const Windows& w) : GatheredOp<Self>(-1), windows(w) {}

  std::array<Tensor, 2> forward(const Tensor& x) const {
    const array::Array in = contiguous_array(x);
    const std::vector<kernels::Window> each = windows.over(Self::name, in.shape.back());
    const Tensor positions = empty(pooled_shape(in.shape, each.size()), {.dtype = int64});
    with_floating(in.dtype, [&](auto zero) {
      using T = decltype(zero);
      kernels::window_argmax(in.as<T>(), row_count(in.shape), in.shape.back(), each, written<std::int64_t>(positions));
    });
    return {gather(x, this->axis, positions), positions};
  }
  void describe(AttributeVisitor& visitor) const { windows.describe(visitor); }
};

/// Checks x and its windows, then runs the op.
template <class PoolOp, class Windows>
auto pool(const Tensor& x, const Windows& windows) {
  expect_floating(PoolOp::name, x);
  windows.check(PoolOp::name, x.shape());
  return apply(PoolOp(windows), x);
}

}  // namespace tapegrad
