#include "tape/expect.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tapegrad {
namespace {

/// Without a gradient, of tensors that a tape may track.
Tensor close(std::string_view op, const Tensor& a, const Tensor& b, const CloseOptions& options) {
  expect_defined(op, a, "input 0 (a)");
  expect_defined(op, b, "input 1 (b)");
  expect_same_dtype(op, a, b);
  broadcast_shapes(op, a.shape(), b.shape());  // throws under this name
  const NoRecord pause;
  Tensor same = a == b;  // infinities of one sign too
  if (!is_floating(a.dtype())) return same;
  const Tensor tolerance = options.atol + options.rtol * abs(b);
  const Tensor near = same | (isfinite(b) & (abs(a - b) <= tolerance));
  return options.equal_nan ? near | (isnan(a) & isnan(b)) : near;
}

}  // namespace

Tensor isclose(const Tensor& a, const Tensor& b, CloseOptions options) { return close("isclose", a, b, options); }

bool allclose(const Tensor& a, const Tensor& b, CloseOptions options) {
  return all(close("allclose", a, b, options)).item<bool>();
}

}  // namespace tapegrad
