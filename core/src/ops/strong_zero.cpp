#include "ops/strong_zero.hpp"

#include "array/range.hpp"
#include "tape/recorder.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tapegrad {
namespace {

bool has_nan(const Tensor& x) { return is_floating(x.dtype()) && array::range_of(array_of(x)).nans > 0; }

/// 1 where x is finite, else 0.
Tensor finite_ones(const Tensor& x) { return where(x - x == 0.0, ones_like(x), 0.0); }

}  // namespace

Tensor with_strong_zeros(const Tensor& product, const Tensor& a, const Tensor& b) {
  if (!has_nan(product)) return product;
  Tensor replaced;
  {
    const NoRecord pause;
    const StrongZero plain(false);
    replaced = logical_and(isnan(product.detach()), logical_or(a.detach() == 0.0, b.detach() == 0.0));
  }
  return where(replaced, 0.0, product);
}

Tensor quotient_with_strong_zeros(const Tensor& quotient, const Tensor& a) {
  return with_strong_zeros(quotient, a, ones_like(a));
}

Tensor bilinear_with_strong_zeros(const Tensor& product, const Tensor& a, const Tensor& b, const Bilinear& f) {
  if (!has_nan(product)) return product;
  const StrongZero plain(false);
  Tensor a_finite, b_finite;  // of their elements
  Tensor replaced;            // where a NaN comes from terms with a factor of 0 alone
  {
    const NoRecord pause;
    const Tensor x = a.detach();
    const Tensor y = b.detach();
    const Tensor nonzero_a = where(x == 0.0, zeros_like(x), 1.0);
    const Tensor nonzero_b = where(y == 0.0, zeros_like(y), 1.0);
    a_finite = finite_ones(x);
    b_finite = finite_ones(y);
    const Tensor others = f(1.0 - a_finite, nonzero_b) + f(nonzero_a, 1.0 - b_finite);
    replaced = logical_and(isnan(product.detach()), others == 0.0);
    a_finite = a_finite == 1.0;
    b_finite = b_finite == 1.0;
  }
  return where(replaced, f(where(a_finite, a, 0.0), where(b_finite, b, 0.0)), product);
}

}  // namespace tapegrad
