#include "ops/norm/features.hpp"

#include <fmt/format.h>

#include "tape/pointwise.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/ops/pointwise.hpp"

namespace tapegrad {

void check_normalised(std::string_view op, const Tensor& x, std::string_view what, double eps) {
  expect_floating(op, x);
  if (x.dim() == 0) throw ShapeError(fmt::format("[{}] expected x [.., {}], got []", op, what));
  if (!(eps >= 0.0)) throw ValueError(fmt::format("[{}] expected eps to be 0 or more, got {}", op, eps));
}

void check_per_feature(std::string_view op, std::string_view parameter_name, const Tensor& parameter, const Tensor& x) {
  if (!parameter.defined()) return;
  expect_same_dtype(op, x, parameter);
  if (parameter.shape() != Shape{x.shape().back()})
    throw ShapeError(fmt::format("[{}] expected {} [{}] for x {}, got {}", op, parameter_name, x.shape().back(),
                                 to_string(x.shape()), to_string(parameter.shape())));
}

}  // namespace tapegrad
