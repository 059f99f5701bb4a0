// The checks that every numerical op makes of its inputs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "tape/tensor_impl.hpp"

namespace tapegrad {

[[noreturn]] void throw_no_dtype(std::string_view op, DType dtype);
/// Throws UndefinedTensor, of which the engine tells which input x is, where apply() was given it.
[[noreturn]] void throw_undefined_input(std::string_view op, const Tensor& x, std::string_view which = "an input");
[[noreturn]] void throw_not_floating(std::string_view op, std::string_view what, const Tensor& x);
[[noreturn]] void throw_not_bool(std::string_view op, std::string_view what, const Tensor& x);
[[noreturn]] void throw_not_ordered(std::string_view op, const Tensor& x);
[[noreturn]] void throw_no_arithmetic(std::string_view op, const Tensor& x, bool takes_integers);
[[noreturn]] void throw_mixed_dtypes(std::string_view op, const Tensor& a, const Tensor& b);
/// Throws ShapeError "[op] expected a cotangent of shape [2, 3], got [3]" where the shapes differ, and otherwise
/// DTypeError "[op] expected a cotangent of dtype float64, got float32"; `what` x is.
[[noreturn]] void throw_unlike(std::string_view op, std::string_view what, const Tensor& x, const Tensor& of);

/// Throws ValueError "[op] an input is undefined, ...", or `which` input is: for ops that ask before they apply().
inline void expect_defined(std::string_view op, const Tensor& x, std::string_view which = "an input") {
  if (!x.defined()) throw_undefined_input(op, x, which);
}
/// Throws ValueError "[op] input 1 is undefined, ...".
void expect_all_defined(std::string_view op, const std::vector<Tensor>& tensors);
/// Throws DTypeError "[op] 9 is no dtype".
inline void expect_dtype(std::string_view op, DType dtype) {
  if (static_cast<std::size_t>(dtype) >= kElementBytes.size()) throw_no_dtype(op, dtype);
}
/// The number of dimensions of a tensor that must be defined.
inline int rank_of(std::string_view op, const Tensor& x) {
  expect_defined(op, x);
  return x.dim();
}
/// An axis of a tensor that must be defined, counted from the front; `which` of several inputs it is. Throws as
/// expect_defined() and normalize_axis().
inline int axis_of(std::string_view op, Axis axis, const Tensor& x, std::string_view which = "an input") {
  expect_defined(op, x, which);
  return normalize_axis(op, axis, x.shape());
}
/// Throws ShapeError "[op] [1, 1, 1, 1, 1, 1, 1, 1] has no room for another dimension".
void expect_room(std::string_view op, const Shape& shape);
/// `shape` with the size in the place of its -1 that makes it one of `count` elements; std::nullopt where none does.
/// Throws ShapeError "[op] one size at most may be -1, got [-1, -1]" and "[op] negative size in [-2, 3]".
std::optional<Shape> shape_of(std::string_view op, std::int64_t count, const Shape& shape);
/// Where a new axis goes into a shape, counted from the front of the result. Throws as expect_room(), and IndexError
/// "[op] a new axis 4 is out of range for [2, 3]".
int new_axis_of(std::string_view op, Axis axis, const Shape& shape);
/// As expect_defined(), and DTypeError "[op] expected a floating tensor, got int64 [2, 3]"; `what` x is.
inline void expect_floating(std::string_view op, const Tensor& x, std::string_view what = "tensor") {
  expect_defined(op, x);
  if (!is_floating(array_of(x).dtype)) throw_not_floating(op, what, x);
}
/// As expect_defined(), and DTypeError "[op] expected a bool mask, got float32 [2, 3]"; `what` x is.
inline void expect_bool(std::string_view op, const Tensor& x, std::string_view what = "tensor") {
  expect_defined(op, x);
  if (array_of(x).dtype != boolean) throw_not_bool(op, what, x);
}
/// As expect_defined(), and DTypeError "[op] bool [2, 3] has no order: convert it with to()".
inline void expect_ordered(std::string_view op, const Tensor& x) {
  expect_defined(op, x);
  if (array_of(x).dtype == boolean) throw_not_ordered(op, x);
}
/// DTypeError "[op] bool [3] has no arithmetic: ..." where one of two tensors is of bools. REQUIRES: both are defined.
inline void expect_arithmetic(std::string_view op, const Tensor& a, const Tensor& b, bool takes_integers) {
  if (array_of(a).dtype == boolean) throw_no_arithmetic(op, a, takes_integers);
  if (array_of(b).dtype == boolean) throw_no_arithmetic(op, b, takes_integers);
}
/// As expect_defined() of both, and DTypeError "[op] float32 [2, 3] with float64 [3]: convert one of them with to()".
inline void expect_same_dtype(std::string_view op, const Tensor& a, const Tensor& b) {
  expect_defined(op, a);
  expect_defined(op, b);
  if (array_of(a).dtype != array_of(b).dtype) throw_mixed_dtypes(op, a, b);
}
/// Whether x, a derivative, has the shape and the dtype of what it is the derivative of. Both are defined.
inline bool is_like(const Tensor& x, const Tensor& of) {
  return array_of(x).dtype == array_of(of).dtype && array_of(x).shape == array_of(of).shape;
}
/// Throws as throw_unlike() unless x is_like() the other.
inline void expect_alike(std::string_view op, std::string_view what, const Tensor& x, const Tensor& of) {
  if (!is_like(x, of)) throw_unlike(op, what, x, of);
}

}  // namespace tapegrad
