// Making tensors.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "tapegrad/base/random.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

struct TensorOptions {
  DType dtype = float32;
  bool requires_grad = false;
};

namespace engine {
template <class T>
inline constexpr bool kAllFitInt64 = std::is_signed_v<T> || sizeof(T) < sizeof(std::int64_t);
template <class T>
constexpr bool fits_int64(T value) {
  return kAllFitInt64<T> || static_cast<std::uint64_t>(value) <= std::uint64_t{INT64_MAX};
}
[[noreturn]] void throw_beyond_int64(std::uint64_t value);
}  // namespace engine

/// A nested list of numbers: tensor({{1.0, 2.0}, {3.0, 4.0}}) has shape [2, 2], tensor({{1.0}, {2.0}}) has [2, 1],
/// tensor({1.0}) has [1] and tensor(1.0) is a scalar. Rows of unequal length throw ShapeError. The dtype is
/// options.dtype, by default float32, for integers and bools too (PyTorch: int64, bool): write labels, tokens and
/// indices as tensor({1, 2}, {.dtype = int64}) or from_vector of integers. An integer becomes an element of an int64
/// tensor exactly, without passing through double.
class NestedList {
 public:
  template <class T>
  requires std::is_arithmetic_v<T> NestedList(T value) : value_(static_cast<double>(value)) {
    if constexpr (std::is_integral_v<T>)
      if (engine::fits_int64(value)) integer_ = static_cast<std::int64_t>(value);
  }
  NestedList(std::initializer_list<NestedList> items);

  bool is_list() const { return is_list_; }
  double value() const { return value_; }
  /// The value, where it was given as an integer that int64 can hold.
  std::optional<std::int64_t> integer() const { return integer_; }
  const std::vector<NestedList>& items() const { return items_; }

 private:
  double value_ = 0.0;
  std::optional<std::int64_t> integer_;
  std::vector<NestedList> items_;
  bool is_list_ = false;
};

Tensor tensor(std::initializer_list<NestedList> items, TensorOptions options = {});

/// TensorOptions without the dtype, which the elements tell.
struct FromVectorOptions {
  bool requires_grad = false;
};
/// Elements in row-major order, dtype from T (float, double, std::int64_t, bool); integers of other types become int64.
/// One size of the shape may be -1: the one that makes the counts equal, as in reshape. Throws ShapeError when the
/// count differs from the shape's, ValueError for an integer that int64 does not hold, DTypeError for requires_grad
/// with elements that are not floating.
template <Element T>
Tensor from_vector(const std::vector<T>& values, const Shape& shape, FromVectorOptions options = {});
template <class T>
requires(std::is_integral_v<T> && !Element<T>) Tensor
    from_vector(const std::vector<T>& values, const Shape& shape, FromVectorOptions options = {}) {
  if constexpr (!engine::kAllFitInt64<T>)
    for (const T value : values)
      if (!engine::fits_int64(value)) engine::throw_beyond_int64(value);
  return from_vector(std::vector<std::int64_t>(values.begin(), values.end()), shape, options);
}
/// The same of elements that lie in any memory: an array, or a pointer and a size, as from_span({pixels, count}, {-1,
/// 28}). They are copied. Integers of 8 and 32 bits become int64.
Tensor from_span(std::span<const float> values, const Shape& shape, FromVectorOptions options = {});
Tensor from_span(std::span<const double> values, const Shape& shape, FromVectorOptions options = {});
Tensor from_span(std::span<const std::int64_t> values, const Shape& shape, FromVectorOptions options = {});
Tensor from_span(std::span<const std::int32_t> values, const Shape& shape, FromVectorOptions options = {});
Tensor from_span(std::span<const std::uint8_t> values, const Shape& shape, FromVectorOptions options = {});
Tensor from_span(std::span<const bool> values, const Shape& shape, FromVectorOptions options = {});
/// All of them in one dimension: [values.size()].
template <class T>
requires std::is_arithmetic_v<T> Tensor from_vector(const std::vector<T>& values) {
  return from_vector(values, Shape{static_cast<std::int64_t>(values.size())});
}

/// Uninitialised memory. This and all below throw ShapeError for a negative size or too many elements to count, Error
/// when the system lacks the memory, DTypeError for requires_grad with a dtype that is not floating, or for a number
/// that is cast to DType and names none.
Tensor empty(const Shape& shape, TensorOptions options = {});
Tensor zeros(const Shape& shape, TensorOptions options = {});
Tensor ones(const Shape& shape, TensorOptions options = {});
/// An int64 tensor takes the value's integer part; ValueError for NaN and what lies outside its range. A floating one
/// rounds the value, beyond its range to infinity (as PyTorch's).
Tensor full(const Shape& shape, double value, TensorOptions options = {});
namespace engine {
Tensor integer(std::int64_t value, TensorOptions options);
/// The dtype of a number beside x. Throws ValueError "[op] an input is undefined".
DType dtype_beside(std::string_view op, const Tensor& x);
/// Throws DTypeError "[op] int64 has no 2.5: ..." unless an element of this dtype may have the value; a floating one
/// rounds it.
void expect_number_of(std::string_view op, DType dtype, double value);
}  // namespace engine

/// A template, so that braces never choose it: tensor(1.0) is a scalar, tensor({1.0}) a vector of one, in every
/// compiler. An integer that int64 can hold is an element of an int64 tensor exactly.
template <class T>
requires std::is_arithmetic_v<T> Tensor tensor(T value, TensorOptions options = {}) {
  if constexpr (std::is_integral_v<T>)
    if (engine::fits_int64(value)) return engine::integer(static_cast<std::int64_t>(value), options);
  return full({}, static_cast<double>(value), options);
}
template <class T>
Tensor tensor(const std::vector<T>& values, TensorOptions = {}) = delete;  // say from_vector(values, shape)
/// start, start + step, ... below stop (above it for a negative step), also where rounding to the dtype would reach
/// it; int64 by default. Throws ValueError for step 0, an infinite range, more than 1e15 elements, a start or step that
/// the dtype cannot hold (fractions need arange(0, 1, 0.25, {.dtype = float32})), or an int64 range of doubles beyond
/// 2^53, where they do not count one by one: integers do, as far as int64 goes.
Tensor arange(double start, double stop, double step = 1.0, TensorOptions options = {.dtype = int64});
namespace engine {
Tensor arange(std::int64_t start, std::int64_t stop, std::int64_t step, TensorOptions options);
}
template <class A, class B, class Step = int>
requires(std::is_integral_v<A>&& std::is_integral_v<B>&& std::is_integral_v<Step>) Tensor
    arange(A start, B stop, Step step = 1, TensorOptions options = {.dtype = int64}) {
  if (engine::fits_int64(start) && engine::fits_int64(stop) && engine::fits_int64(step))
    return engine::arange(static_cast<std::int64_t>(start), static_cast<std::int64_t>(stop),
                          static_cast<std::int64_t>(step), options);
  return arange(static_cast<double>(start), static_cast<double>(stop), static_cast<double>(step), options);
}
/// 0, 1, ... below stop.
template <class T>
requires std::is_integral_v<T> Tensor arange(T stop, TensorOptions options = {.dtype = int64}) {
  return arange(T{0}, stop, 1, options);
}
/// `count` evenly spaced values from start to stop, both included, infinite where float32 does not reach (as full()'s).
/// Throws DTypeError unless the dtype is floating,
/// ValueError for bounds that are not finite and for a negative count.
Tensor linspace(double start, double stop, std::int64_t count, TensorOptions options = {});
/// The n x n identity matrix. Throws ValueError for n < 0.
Tensor eye(std::int64_t n, TensorOptions options = {});

/// Uniform on [0, 1), standard normal, and uniform integers low <= i < high. Drawn from `generator`, or this thread's
/// default generator. rand and randn throw DTypeError unless the dtype is floating, randint ValueError when no integer
/// lies in the range or more than 2^63 - 1, or when the dtype does not hold each of them.
Tensor rand(const Shape& shape, TensorOptions options = {});
Tensor rand(const Shape& shape, Generator& generator, TensorOptions options = {});
Tensor randn(const Shape& shape, TensorOptions options = {});
Tensor randn(const Shape& shape, Generator& generator, TensorOptions options = {});
Tensor randint(std::int64_t low, std::int64_t high, const Shape& shape, TensorOptions options = {.dtype = int64});
Tensor randint(std::int64_t low, std::int64_t high, const Shape& shape, Generator& generator,
               TensorOptions options = {.dtype = int64});
/// The integers 0 ... n - 1 in a random order (Fisher and Yates), int64 [n]. Throws ValueError for n < 0.
Tensor randperm(std::int64_t n);
Tensor randperm(std::int64_t n, Generator& generator);

/// The same shape and dtype as x.
Tensor empty_like(const Tensor& x);
Tensor zeros_like(const Tensor& x);
Tensor ones_like(const Tensor& x);
Tensor full_like(const Tensor& x, double value);
Tensor rand_like(const Tensor& x);
Tensor randn_like(const Tensor& x);
Tensor randint_like(const Tensor& x, std::int64_t low, std::int64_t high);

}  // namespace tapegrad
