// Calls of the pointwise kernels on tensors, and the checks that every numerical op makes.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/pointwise.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

[[noreturn]] void throw_not_floating(std::string_view op, const Tensor& x);
[[noreturn]] void throw_mixed_dtypes(std::string_view op, const Tensor& a, const Tensor& b);

/// Throws DTypeError "[op] expected a floating tensor, got int64 [2, 3]".
inline void expect_floating(std::string_view op, const Tensor& x) {
  if (!is_floating(array_of(x).dtype)) throw_not_floating(op, x);
}
/// Throws DTypeError "[op] float32 [2, 3] with float64 [3]: convert one of them with to()".
inline void expect_same_dtype(std::string_view op, const Tensor& a, const Tensor& b) {
  if (array_of(a).dtype != array_of(b).dtype) throw_mixed_dtypes(op, a, b);
}

/// A tensor's memory read in `shape`, to which it broadcasts; null data for an undefined tensor.
kernels::Operand operand(const Tensor& x, const Shape& shape);

Tensor unary_forward(std::string_view op, const kernels::UnaryKernels& kernels, const void* formula, const Tensor& x);
void unary_backward(const kernels::UnaryKernels& kernels, const void* formula, const Tensor& x, const Tensor& y,
                    const Tensor& dy, GradientSink& sink);
/// `int64_row` computes int64 operands; without it they are refused.
Tensor binary_forward(std::string_view op, const kernels::BinaryKernels& kernels, const void* formula, const Tensor& a,
                      const Tensor& b, kernels::BinaryRow int64_row = nullptr);
void binary_backward(const kernels::BinaryKernels& kernels, const void* formula, const Saved& s, const Tensor& a,
                     const Tensor& b, const Tensor& y, const Tensor& dy, GradientSink& sink);

/// The row of an integer function of two operands.
template <auto f>
inline constexpr kernels::BinaryRow kInt64Row = kernels::binary_row<f, std::int64_t, std::int64_t>;

/// int64 arithmetic wraps around, as NumPy's does.
constexpr std::int64_t wrapping_add(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
constexpr std::int64_t wrapping_sub(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}
constexpr std::int64_t wrapping_mul(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
}

}  // namespace tapegrad
