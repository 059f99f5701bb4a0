// Calls of the pointwise kernels on tensors.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/pointwise.hpp"
#include "tape/expect.hpp"
#include "tape/tensor_impl.hpp"
#include "tapegrad/tape/op.hpp"

namespace tapegrad {

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

/// A row function of two operands for each dtype of theirs; null where there is none.
struct RowsByDType {
  kernels::BinaryRow float32, float64, int64, boolean = nullptr;

  kernels::BinaryRow operator[](DType dtype) const {
    switch (dtype) {
      case DType::float32: return float32;
      case DType::float64: return float64;
      case DType::int64: return int64;
      default: return boolean;
    }
  }
};
/// The function of a's and b's dtype, which is one and has a row, for the elements of both in `shape`.
Tensor binary_by_rows(const RowsByDType& rows, const Shape& shape, DType result, const Tensor& a, const Tensor& b);

/// The row of an integer function of two operands.
template <auto f>
inline constexpr kernels::BinaryRow kInt64Row = kernels::binary_row<f, std::int64_t, std::int64_t>;

}  // namespace tapegrad
