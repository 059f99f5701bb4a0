// Rows brought to mean 0 and deviation 1, out of differentiable operations: the rules of layer norm, and of group and
// instance norm, whose groups are such rows; and what rms norm, which leaves the mean, has in common with them.
#pragma once

#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/tape/create.hpp"

namespace tapegrad {

/// 1 / sqrt(<a^2> + eps) of each row: in float64, like the kernels, where squares of float32 neither overflow nor
/// vanish.
inline Tensor inverse_root_mean_square(const Tensor& a, double eps) {
  return (1.0 / sqrt(mean(square(a.to(float64)), -1, true) + eps)).to(a.dtype());
}

struct Normalised {
  Tensor xhat, rstd;

  /// The rows are x's last dimension.
  Normalised(const Tensor& x, double eps) {
    const Tensor near = x - mean(x, -1, true);
    const Tensor centred = near - mean(near, -1, true);  // the first mean is rounded
    // One value deviates from nothing, and with eps = 0 its deviation is 0: any factor that is finite will do.
    rstd = x.shape().back() == 1 ? ones_like(centred) : inverse_root_mean_square(centred, eps);
    xhat = centred * rstd;
  }
  /// r (a - <a> - xhat <a xhat>): the reverse and the forward rule.
  Tensor times_jacobian(const Tensor& a) const {
    return rstd * (a - mean(a, -1, true) - xhat * mean(a * xhat, -1, true));
  }
};

}  // namespace tapegrad
