// What group norm and instance norm share: a group's channels and positions lie behind each other in memory, so groups
// are rows of layer norm, followed by a scale and a shift for each channel.
#pragma once

#include <vector>

#include "base/dispatch.hpp"
#include "kernels/row_norm.hpp"
#include "ops/norm/features.hpp"
#include "ops/norm/normalised.hpp"
#include "ops/rows.hpp"
#include "ops/sum_of.hpp"
#include "tapegrad/catalogue/catalogue.hpp"
#include "tapegrad/ops/norm.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

/// Inputs: x [N, C, ..], gamma [C] and beta [C], which may be undefined.
template <class Self>
struct GroupedNormOp : Op<Self> {
  static constexpr Names<3> input_names = {"x", "gamma", "beta"};
  static constexpr Names<2> residual_names = {"mean", "r"};
  std::int64_t groups;
  double eps;
  bool scaled;  // by a gamma

  GroupedNormOp(std::int64_t of_channels, double epsilon, bool with_gamma)
      : groups(of_channels), eps(epsilon), scaled(with_gamma) {}

  Keep keep_for(Wants wants) const {
    return (wants(0) || wants(1) ? Keep::input(0) : Keep::nothing) |
           (wants(0) && scaled ? Keep::input(1) : Keep::nothing);
  }

  Tensor forward(Keeper& keeper, const Tensor& x, const Tensor& gamma, const Tensor& beta) const {
    const array::Array in = contiguous_array(x);
    const Shape rows = row_shape(in.shape);
    const Tensor xhat = empty(in.shape, {.dtype = in.dtype});
    const Tensor mean = empty({rows[0], 1}, {.dtype = in.dtype});
    const Tensor rstd = empty({rows[0], 1}, {.dtype = in.dtype});
    with_floating(in.dtype, [&](auto zero) {
      using T = decltype(zero);
      kernels::layer_norm_forward<T>({in.as<T>(), rows[0], rows[1]}, eps, written<T>(xhat), written<T>(mean),
                                     written<T>(rstd));
    });
    keeper.save(mean);
    keeper.save(rstd);
    const Tensor y = gamma.defined() ? xhat * by_channel(gamma, in.shape) : xhat;
    return beta.defined() ? y + by_channel(beta, in.shape) : y;
  }

  std::array<Tensor, 3> vjp(const Saved& s, const Tensor& dy) const {
    std::array<Tensor, 3> d;
    if (s.wants(0) || s.wants(1)) {
      const Shape& shape = s.input_shape(0);
      const Normalised n(s.input(0).reshape(row_shape(shape)), eps);
      if (s.wants(0)) d[0] = n.times_jacobian(through_gamma(s, dy).reshape(row_shape(shape))).reshape(shape);
      if (s.wants(1)) d[1] = over_channels(dy * n.xhat.reshape(shape));
    }
    if (s.wants(2)) d[2] = over_channels(dy);
    return d;
  }
  void fused_vjp(const Saved& s, const Tensor& dy, GradientSink& sink) const {
    if (s.wants(0)) {
      const array::Array x = contiguous_array(s.input(0));
      const Tensor into_rows = through_gamma(s, dy);
      const array::Array g = contiguous_array(into_rows);
      const Shape rows = row_shape(x.shape);
      const Tensor dx = empty(x.shape, {.dtype = x.dtype});
      with_floating(x.dtype, [&](auto zero) {
        using T = decltype(zero);
        kernels::layer_norm_backward<T>({x.as<T>(), rows[0], rows[1]}, array_of(s.residual(0)).as<T>(),
                                        array_of(s.residual(1)).as<T>(), g.as<T>(), {written<T>(dx)});
      });
      sink.add(0, dx);
    }
    if (s.wants(1)) {
      const Tensor rows = s.input(0).reshape(row_shape(s.input_shape(0)));
      Tensor xhat = (rows - s.residual(0)) * s.residual(1);
      xhat = xhat - mean(xhat, -1, true);  // the kept mean is rounded
      sink.add(1, over_channels(dy * xhat.reshape(s.input_shape(0))));
    }
    if (s.wants(2)) sink.add(2, over_channels(dy));
  }
  Tensor jvp(const Saved& s, Tangents dx) const {
    const Shape& shape = s.output_shape();
    Tensor dy;
    if (dx[0].defined() || dx[1].defined()) {
      const Normalised n(s.input(0).reshape(row_shape(shape)), eps);
      if (dx[0].defined())
        add_to(dy, through_gamma(s, n.times_jacobian(dx[0].reshape(row_shape(shape))).reshape(shape)));
      if (dx[1].defined()) add_to(dy, by_channel(dx[1], shape) * n.xhat.reshape(shape));
    }
    if (dx[2].defined()) add_to(dy, by_channel(dx[2], shape).expand(shape));
    return dy;
  }
  void describe(AttributeVisitor& visitor) const {
    visitor("groups", groups);
    visitor("eps", eps);
  }

 private:
  /// [samples times groups, values of a group]
  Shape row_shape(const Shape& x) const {
    const std::int64_t rows = x[0] * groups;
    return {rows, rows == 0 ? 0 : x.numel() / rows};
  }
  /// A parameter [C] as it is broadcast over x [N, C, ..].
  static Tensor by_channel(const Tensor& parameter, const Shape& x) {
    Shape shape = Shape::filled(x.rank() - 1, 1);
    shape[0] = x[1];
    return parameter.reshape(shape);
  }
  Tensor through_gamma(const Saved& s, const Tensor& a) const {
    return scaled ? a * by_channel(s.input(1), s.input_shape(0)) : a;
  }
  /// The sum over everything but the channels.
  static Tensor over_channels(const Tensor& a) {
    std::vector<int> others{0};
    for (int d = 2; d < a.dim(); ++d) others.push_back(d);
    return sum(a, others);
  }
};

}  // namespace tapegrad
