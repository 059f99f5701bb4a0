// One thread's share of a matrix product: the part of gemm that is compiled once per instruction set.
#pragma once

#include "kernels/gemm.hpp"

namespace tapegrad::kernels {

/// A product whose C has unit column stride if the caller's C had any unit stride (else tiles are copied out element by
/// element).
template <class T>
struct GemmFacts {
  std::int64_t k;
  MatrixRef<const T> a, b;
  MatrixRef<T> c;
  MatrixRef<const T> bias;  ///< data is null without bias; one stride is 0
  bool accumulate;
  Activation activation;
  bool swapped = false;       ///< a and b stand for the caller's b and a transposed: so do the batch's offsets
  bool prefetches_a = false;  ///< A, or C, of all products is so large that its lines are not in the caches
  bool prefetches_c = false;
};

/// Rows and columns of C, half-open.
struct GemmTile {
  std::int64_t row_begin, row_end, col_begin, col_end;
};

/// Computes the same tile of every product of the batch, on the calling thread.
void gemm_tile(const GemmFacts<float>& facts, std::span<const BatchOffset> batches, const GemmTile& tile);
void gemm_tile(const GemmFacts<double>& facts, std::span<const BatchOffset> batches, const GemmTile& tile);

}  // namespace tapegrad::kernels
