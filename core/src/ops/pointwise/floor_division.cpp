#include "ops/pointwise/floor_division.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "ops/pointwise/pointwise_samples.hpp"
#include "tapegrad/base/error.hpp"

namespace tapegrad {
namespace {

void expect_no_zero(std::string_view op, const Tensor& divisor) {
  const array::Array b = contiguous_array(divisor);
  const std::int64_t* const first = b.as<std::int64_t>();
  const std::int64_t* const last = first + b.shape.numel();
  const std::int64_t* const zero = std::find(first, last, 0);
  if (zero != last)
    throw ValueError(
        fmt::format("[{}] the divisor {} is 0 at position {}", op, to_string(divisor.shape()), zero - first));
}

}  // namespace

Tensor divide_rows(std::string_view op, const RowsByDType& rows, const Tensor& a, const Tensor& b) {
  expect_defined(op, a);
  expect_defined(op, b);
  expect_arithmetic(op, a, b, true);
  const bool integers = a.dtype() == int64;
  if (!integers) expect_floating(op, a);
  expect_same_dtype(op, a, b);
  const Shape shape = broadcast_shapes(op, a.shape(), b.shape());
  if (integers && shape.numel() > 0) expect_no_zero(op, b);
  return binary_by_rows(rows, shape, a.dtype(), a, b);
}

catalogue::Samples catalogue::division_samples(Samples own) {
  Samples samples{
      {"each pair of signs", {vector64({5.3, -5.3, 7.9, -0.6}), vector64({2.0, 2.1, -3.0, -1.7})}},
      {"broadcast both", {from_vector<double>({5.3, -4.2, 0.9}, {3, 1}), from_vector<double>({2.3, -1.6}, {1, 2})}},
      {"scalar", {vector64({5.3, -4.2, 0.9}), tensor(-1.6, {.dtype = float64})}},
      {"no elements", {zeros({0, 3}, {.dtype = float64}), vector64({1, 2, 3})}}};
  std::move(own.begin(), own.end(), std::back_inserter(samples));
  return samples;
}

catalogue::ErrorSamples catalogue::division_errors(std::string_view name,
                                                   Tensor (*f)(const Tensor& a, const Tensor& b)) {
  ErrorSamples errors = binary_errors(name, f, Integers::taken);
  errors.push_back({"truth values", [f] { (void)f(ones({2}, {.dtype = boolean}), ones({2}, {.dtype = boolean})); },
                    fmt::format("[{}] bool [2] has no arithmetic: convert it with to(int64) or to(float32)", name)});
  errors.push_back({"division of integers by 0",
                    [f] {
                      (void)f(arange(2), tensor({3, 0}, {.dtype = int64}));
                    },
                    fmt::format("[{}] the divisor [2] is 0 at position 1", name)});
  return errors;
}

}  // namespace tapegrad
