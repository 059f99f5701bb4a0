// Making tensors.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <type_traits>
#include <vector>

#include "tapegrad/base/random.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

struct TensorOptions {
  DType dtype = float32;
  bool requires_grad = false;
};

/// A nested list of numbers: tensor({{1.0, 2.0}, {3.0, 4.0}}) has shape [2, 2], tensor({{1.0}, {2.0}}) has [2, 1],
/// tensor({1.0}) has [1] and tensor(1.0) is a scalar. Rows of unequal length throw ShapeError.
class NestedList {
 public:
  template <class T>
  requires std::is_arithmetic_v<T> NestedList(T value) : value_(static_cast<double>(value)) {}
  NestedList(std::initializer_list<NestedList> items);

  bool is_list() const { return is_list_; }
  double value() const { return value_; }
  const std::vector<NestedList>& items() const { return items_; }

 private:
  double value_ = 0.0;
  std::vector<NestedList> items_;
  bool is_list_ = false;
};

Tensor tensor(std::initializer_list<NestedList> items, TensorOptions options = {});

/// Elements in row-major order, dtype from T (float, double, std::int64_t, bool). Throws ShapeError when the count
/// differs from the shape's.
template <class T>
Tensor from_vector(const std::vector<T>& values, const Shape& shape, bool requires_grad = false);

/// Uninitialised memory. This and all below throw ShapeError for a negative size or too many elements to count, Error
/// when the system lacks the memory, DTypeError for requires_grad with a dtype that is not floating.
Tensor empty(const Shape& shape, TensorOptions options = {});
Tensor zeros(const Shape& shape, TensorOptions options = {});
Tensor ones(const Shape& shape, TensorOptions options = {});
Tensor full(const Shape& shape, double value, TensorOptions options = {});
namespace engine {
Tensor integer(std::int64_t value, TensorOptions options);
}  // namespace engine

/// A template, so that braces never choose it: tensor(1.0) is a scalar, tensor({1.0}) a vector of one, in every
/// compiler. An integer that int64 can hold is an element of an int64 tensor exactly.
template <class T>
requires std::is_arithmetic_v<T> Tensor tensor(T value, TensorOptions options = {}) {
  if constexpr (std::is_integral_v<T>) {
    constexpr bool kFits = std::is_signed_v<T> || sizeof(T) < sizeof(std::int64_t);
    if (kFits || static_cast<std::uint64_t>(value) <= std::uint64_t{INT64_MAX})
      return engine::integer(static_cast<std::int64_t>(value), options);
  }
  return full({}, static_cast<double>(value), options);
}
/// start, start + step, ... below stop. Throws ValueError for step 0 or an infinite range.
Tensor arange(double start, double stop, double step = 1.0, TensorOptions options = {.dtype = int64});
inline Tensor arange(std::int64_t stop, TensorOptions options = {.dtype = int64}) {
  return arange(0.0, static_cast<double>(stop), 1.0, options);
}
/// `count` evenly spaced values from start to stop, both included. Throws DTypeError unless the dtype is floating.
Tensor linspace(double start, double stop, std::int64_t count, TensorOptions options = {});
/// The n x n identity matrix.
Tensor eye(std::int64_t n, TensorOptions options = {});

/// Uniform on [0, 1), standard normal, and uniform integers low <= i < high. Drawn from `generator`, or this thread's
/// default generator. rand and randn throw DTypeError unless the dtype is floating, randint ValueError when no integer
/// lies in the range or more than 2^63 - 1.
Tensor rand(const Shape& shape, TensorOptions options = {});
Tensor rand(const Shape& shape, Generator& generator, TensorOptions options = {});
Tensor randn(const Shape& shape, TensorOptions options = {});
Tensor randn(const Shape& shape, Generator& generator, TensorOptions options = {});
Tensor randint(std::int64_t low, std::int64_t high, const Shape& shape, TensorOptions options = {.dtype = int64});
Tensor randint(std::int64_t low, std::int64_t high, const Shape& shape, Generator& generator,
               TensorOptions options = {.dtype = int64});

/// The same shape and dtype as x.
Tensor empty_like(const Tensor& x);
Tensor zeros_like(const Tensor& x);
Tensor ones_like(const Tensor& x);
Tensor full_like(const Tensor& x, double value);
Tensor rand_like(const Tensor& x);
Tensor randn_like(const Tensor& x);

}  // namespace tapegrad
