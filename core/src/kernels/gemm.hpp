// General matrix product on raw pointers, float and double.
//
// Thread safety: callable from any thread; packing buffers are thread-local and only grow.
//
// Invariants:
// 1. every element of C is one chain of fused multiply-adds over k in ascending order, starting from C
// (accumulate), bias or 0: its bits depend on its row of A, its column of B and k alone, never on m, n, the batch, the
// strides or the number of threads. One chain's rounding grows with its length: a float chain longer than kLongestChain
// is cut into pieces, whose sums are added in double;
// 2. nothing outside the operands is read or written.
#pragma once

#include <cstdint>
#include <span>
#include <type_traits>

namespace tapegrad::kernels {

/// Steps of a float chain.
inline constexpr std::int64_t kLongestChain = 8192;
/// Whether a chain of so many is cut.
template <class T>
constexpr bool is_cut(std::int64_t chain) {
  return std::is_same_v<T, float> && chain > kLongestChain;
}

/// A matrix operand: element (i, j) at data[i * row_stride + j * col_stride]; covers transposes and strided views.
template <class T>
struct MatrixRef {
  T* data;
  std::int64_t row_stride, col_stride;
};

enum class Activation : std::uint8_t { none, relu };

/// What happens to the product besides being stored: C = activation(A B + bias + C).
template <class T>
struct GemmEpilogue {
  const T* bias = nullptr;  ///< [n], added to each row
  bool accumulate = false;  ///< C += instead of C =
  Activation activation = Activation::none;
};

/// C[m, n] = A[m, k] B[k, n] (+ bias) (+ C if accumulate). k = 0 gives zeros (plus bias, plus C). Any strides for A and
/// B, also 0; C's elements are distinct and alias neither A nor B. Fast where one of C's strides is 1; others pay a
/// copy of each tile.
template <class T>
void gemm(std::int64_t m, std::int64_t n, std::int64_t k, MatrixRef<const T> a, MatrixRef<const T> b, MatrixRef<T> c,
          GemmEpilogue<T> e = {});

/// Where one product of a batch starts, in elements from the three data pointers.
struct BatchOffset {
  std::int64_t a, b, c;
};

/// One product per entry of `batches`: any strides between them, a broadcast operand repeats its offset. Each product's
/// C is distinct.
template <class T>
void gemm_batched(std::span<const BatchOffset> batches, std::int64_t m, std::int64_t n, std::int64_t k,
                  MatrixRef<const T> a, MatrixRef<const T> b, MatrixRef<T> c, GemmEpilogue<T> e = {});

}  // namespace tapegrad::kernels
