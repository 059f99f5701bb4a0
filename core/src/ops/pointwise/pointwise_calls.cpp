#include "ops/pointwise/pointwise_calls.hpp"

#include "base/dispatch.hpp"
#include "kernels/parallel.hpp"

namespace tapegrad {
namespace {

void* data_or_null(const Tensor& t) { return t.defined() ? array_of(t).data() : nullptr; }

/// Whether n elements of all these operands, some of which may be absent, are a row in memory, in the order of `shape`,
/// and short enough for a kernel to take at once: there is no loop to plan then. One element always is.
template <class... Tensors>
bool are_a_row(std::int64_t n, const Shape& shape, const Tensors&... operands) {
  const auto in_order = [&shape](const Tensor& x) {
    return !x.defined() || (array_of(x).contiguous && array_of(x).shape == shape);
  };
  return n == 1 || (0 < n && n <= kernels::kChunkElements && (in_order(operands) && ...));
}

}  // namespace

kernels::Operand operand(const Tensor& x, const Shape& shape) {
  if (!x.defined()) return {nullptr, {}};
  const array::Array& a = array_of(x);
  if (a.shape == shape) return {a.data(), a.strides};
  return {a.data(), broadcast_strides(a.shape, a.strides, shape)};
}

Tensor unary_forward(std::string_view op, const kernels::UnaryKernels& kernels, const void* formula, const Tensor& x) {
  expect_floating(op, x);
  const array::Array& from = array_of(x);
  Tensor y = make_tensor(from.shape, from.dtype);
  const array::Array& to = array_of(y);
  if (const std::int64_t n = to.shape.numel(); are_a_row(n, to.shape, x)) {
    kernels.forward()(formula, to.dtype, from.data(), to.data(), n);
  } else {
    kernels::unary_forward(kernels, formula, to.dtype, to.shape, operand(x, to.shape), to.data());
  }
  return y;
}

void unary_backward(const kernels::UnaryKernels& kernels, const void* formula, const Tensor& x, const Tensor& y,
                    const Tensor& dy, GradientSink& sink) {
  const array::Array& from = array_of(dy);
  Tensor dx = sink.in_place_of(dy);
  const array::Array& to = array_of(dx);
  if (const std::int64_t n = from.shape.numel(); are_a_row(n, from.shape, x, y, dy)) {
    kernels.backward()(formula, from.dtype, data_or_null(x), data_or_null(y), from.data(), to.data(), n);
  } else {
    kernels::unary_backward(kernels, formula, from.dtype, from.shape, operand(x, from.shape), operand(y, from.shape),
                            operand(dy, from.shape), to.data());
  }
  sink.add(0, std::move(dx));
}

Tensor binary_forward(std::string_view op, const kernels::BinaryKernels& kernels, const void* formula, const Tensor& a,
                      const Tensor& b, kernels::BinaryRow int64_row) {
  const array::Array& left = array_of(a);
  const array::Array& right = array_of(b);
  const DType dtype = left.dtype;
  expect_arithmetic(op, a, b, int64_row != nullptr);
  const bool integers = int64_row != nullptr && dtype == int64;
  if (!integers) expect_floating(op, a);
  expect_same_dtype(op, a, b);
  Tensor y = left.shape == right.shape ? make_tensor(left.shape, dtype)
                                       : make_tensor(broadcast_shapes(op, left.shape, right.shape), dtype);
  const array::Array& to = array_of(y);
  if (const std::int64_t n = to.shape.numel(); !integers && are_a_row(n, to.shape, a, b)) {
    kernels.forward()(formula, dtype, left.data(), 1, right.data(), 1, to.data(), n);
  } else if (integers) {
    kernels::binary_rows(int64_row, size_of(int64), size_of(int64), to.shape, operand(a, to.shape),
                         operand(b, to.shape), to.data());
  } else {
    kernels::binary_forward(kernels, formula, dtype, to.shape, operand(a, to.shape), operand(b, to.shape), to.data());
  }
  return y;
}

namespace {

/// Gradients of one element each, which need no memory of their own: the first takes that of dy, the second is added
/// where its sum lies.
void binary_backward_of_one(const kernels::BinaryKernels& kernels, const void* formula, const Tensor& a,
                            const Tensor& b, const Tensor& y, const Tensor& dy, GradientSink& sink) {
  const array::Array& from = array_of(dy);
  with_floating(from.dtype, [&](auto zero) {
    using T = decltype(zero);
    T first, second;
    kernels.backward()(formula, from.dtype, data_or_null(a), 1, data_or_null(b), 1, data_or_null(y), from.data(),
                       &first, &second, 1);
    Tensor da = sink.in_place_of(dy);
    *array_of(da).as<T>() = first;
    sink.add(0, std::move(da));
    const GradientBuffer db = sink.buffer(1);
    T& sum = *array_of(db.tensor).as<T>();
    sum = db.holds_sum ? sum + second : second;
  });
}

}  // namespace

void binary_backward(const kernels::BinaryKernels& kernels, const void* formula, const Saved& s, const Tensor& a,
                     const Tensor& b, const Tensor& y, const Tensor& dy, GradientSink& sink) {
  const array::Array& from = array_of(dy);
  const std::int64_t n = from.shape.numel();
  if (n == 1 && s.wants(0) && s.wants(1)) {
    binary_backward_of_one(kernels, formula, a, b, y, dy, sink);
    return;
  }
  // The kernel reads a piece of dy for da before it reads it for db.
  Tensor db = s.wants(1) ? sink.in_place_of(dy) : Tensor();
  Tensor da = !s.wants(0) ? Tensor() : s.wants(1) ? make_tensor(from.shape, from.dtype) : sink.in_place_of(dy);
  if (are_a_row(n, from.shape, a, b, y, dy)) {
    kernels.backward()(formula, from.dtype, data_or_null(a), 1, data_or_null(b), 1, data_or_null(y), from.data(),
                       data_or_null(da), data_or_null(db), n);
  } else {
    kernels::binary_backward(kernels, formula, from.dtype, from.shape, operand(a, from.shape), operand(b, from.shape),
                             operand(y, from.shape), operand(dy, from.shape), data_or_null(da), data_or_null(db));
  }
  sink.add(0, std::move(da));
  sink.add(1, std::move(db));
}

Tensor binary_by_rows(const RowsByDType& rows, const Shape& shape, DType result, const Tensor& a, const Tensor& b) {
  Tensor y = make_tensor(shape, result);
  kernels::binary_rows(rows[a.dtype()], size_of(a.dtype()), size_of(result), shape, operand(a, shape),
                       operand(b, shape), array_of(y).data());
  return y;
}

}  // namespace tapegrad
