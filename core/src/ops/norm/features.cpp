#include "ops/norm/features.hpp"

#include <fmt/format.h>

#include "tape/expect.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/ops/pointwise.hpp"

namespace tapegrad {

namespace {

void expect_entries(std::string_view op, std::string_view parameter_name, const Tensor& parameter, const Tensor& x,
                    std::int64_t count) {
  if (!parameter.defined()) return;
  expect_same_dtype(op, x, parameter);
  if (parameter.shape() != Shape{count})
    throw ShapeError(fmt::format("[{}] expected {} [{}] for x {}, got {}", op, parameter_name, count,
                                 to_string(x.shape()), to_string(parameter.shape())));
}

void expect_eps(std::string_view op, double eps) {
  if (!(eps >= 0.0)) throw ValueError(fmt::format("[{}] expected eps of at least 0, got {}", op, eps));
}

}  // namespace

void expect_normalised(std::string_view op, const Tensor& x, std::string_view what, double eps) {
  expect_defined(op, x, "input 0 (x)");
  expect_floating(op, x);
  if (x.dim() == 0) throw ShapeError(fmt::format("[{}] expected x [.., {}], got []", op, what));
  expect_eps(op, eps);
}

void expect_per_feature(std::string_view op, std::string_view parameter_name, const Tensor& parameter,
                        const Tensor& x) {
  expect_entries(op, parameter_name, parameter, x, x.shape().back());
}

void expect_channels_first(std::string_view op, const Tensor& x, const Tensor& gamma, const Tensor& beta, double eps) {
  expect_defined(op, x, "input 0 (x)");
  expect_floating(op, x);
  if (x.dim() < 2) throw ShapeError(fmt::format("[{}] expected x [N, C, ..], got {}", op, to_string(x.shape())));
  expect_eps(op, eps);
  expect_entries(op, "gamma", gamma, x, x.size(1));
  expect_entries(op, "beta", beta, x, x.size(1));
}

}  // namespace tapegrad
