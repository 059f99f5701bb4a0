#include "tape/expect.hpp"

#include <fmt/format.h>

#include "tapegrad/base/error.hpp"
#include "tapegrad/tape/engine/undefined_input.hpp"

namespace tapegrad {

std::string engine::undefined_input(std::string_view op, std::string_view which) {
  return fmt::format(
      "[{}] {} is undefined, as a default-constructed Tensor is: give it elements, as tensor(0.0) or zeros(shape) do",
      op, which);
}

void throw_undefined_input(std::string_view op, const Tensor& x, std::string_view which) {
  throw UndefinedTensor(engine::undefined_input(op, which), x);
}

void expect_all_defined(std::string_view op, const std::vector<Tensor>& tensors) {
  for (std::size_t i = 0; i < tensors.size(); ++i)
    if (!tensors[i].defined()) throw_undefined_input(op, tensors[i], fmt::format("input {}", i));
}

void throw_no_dtype(std::string_view op, DType dtype) {
  throw DTypeError(fmt::format("[{}] {} is no dtype", op, static_cast<int>(dtype)));
}

void expect_room(std::string_view op, const Shape& shape) {
  if (shape.rank() == kMaxRank)
    throw ShapeError(fmt::format("[{}] {} has no room for another dimension", op, to_string(shape)));
}

std::optional<Shape> shape_of(std::string_view op, std::int64_t count, const Shape& shape) {
  Shape filled = shape;
  int open = -1;
  for (int d = 0; d < shape.rank(); ++d) {
    if (shape[d] == -1) {
      if (open >= 0) throw ShapeError(fmt::format("[{}] one size at most may be -1, got {}", op, to_string(shape)));
      open = d;
      filled[d] = 1;
    } else if (shape[d] < 0) {
      throw ShapeError(fmt::format("[{}] negative size in {}", op, to_string(shape)));
    }
  }
  if (!extent(filled)) return std::nullopt;
  const std::int64_t known = filled.numel();
  if (open >= 0) {
    if (known == 0 || count % known != 0) return std::nullopt;
    filled[open] = count / known;
  } else if (known != count) {
    return std::nullopt;
  }
  return filled;
}

int new_axis_of(std::string_view op, Axis axis, const Shape& shape) {
  expect_room(op, shape);
  const int rank = shape.rank() + 1;
  if (axis.value() < -rank || axis.value() >= rank)
    throw IndexError(fmt::format("[{}] a new axis {} is out of range for {}", op, axis.value(), to_string(shape)));
  return static_cast<int>(axis.value() < 0 ? axis.value() + rank : axis.value());
}

void throw_not_floating(std::string_view op, std::string_view what, const Tensor& x) {
  throw DTypeError(fmt::format("[{}] expected a floating {}, got {} {}: convert it with to(float32)", op, what,
                               to_string(x.dtype()), to_string(x.shape())));
}

void throw_not_bool(std::string_view op, std::string_view what, const Tensor& x) {
  throw DTypeError(
      fmt::format("[{}] expected a bool {}, got {} {}", op, what, to_string(x.dtype()), to_string(x.shape())));
}

void throw_not_ordered(std::string_view op, const Tensor& x) {
  throw DTypeError(
      fmt::format("[{}] {} {} has no order: convert it with to()", op, to_string(x.dtype()), to_string(x.shape())));
}

void throw_no_arithmetic(std::string_view op, const Tensor& x, bool takes_integers) {
  throw DTypeError(fmt::format(
      "[{}] bool {} has no arithmetic: convert it with {}", op, to_string(x.shape()),
      takes_integers ? "to(int64) or to(float32), or take logical_and, logical_or, logical_not" : "to(float32)"));
}

void throw_mixed_dtypes(std::string_view op, const Tensor& a, const Tensor& b) {
  throw DTypeError(fmt::format("[{}] {} {} with {} {}: convert one of them with to()", op, to_string(a.dtype()),
                               to_string(a.shape()), to_string(b.dtype()), to_string(b.shape())));
}

void throw_unlike(std::string_view op, std::string_view what, const Tensor& x, const Tensor& of) {
  if (x.shape() != of.shape())
    throw ShapeError(
        fmt::format("[{}] expected a {} of shape {}, got {}", op, what, to_string(of.shape()), to_string(x.shape())));
  throw DTypeError(
      fmt::format("[{}] expected a {} of dtype {}, got {}", op, what, to_string(of.dtype()), to_string(x.dtype())));
}

}  // namespace tapegrad
