// Softmax and log-softmax over the rows of a contiguous [rows, n] array.
//
// A row's result depends on that row alone, to the bit, and on no number of threads. Sums run in double precision. A
// row that is -inf or masked throughout gives probability 0 everywhere (log-probability -inf) and gradient 0; one that
// holds NaN or +inf gives NaN. Instantiated for float and double; output may be the input's own memory.
#pragma once

#include <cstdint>

namespace tapegrad::kernels {

/// Which entries take part: entry (r, j) does when keep[offset(r) + j] is not 0. No mask: keep is null.
struct RowMask {
  const bool* keep = nullptr;
  const std::int64_t* offsets = nullptr;  ///< [rows] where each row's mask starts; null: row r starts at r * stride
  std::int64_t stride = 0;                ///< 0: one mask for all rows

  const bool* row(std::int64_t r) const { return keep ? keep + (offsets ? offsets[r] : r * stride) : nullptr; }
};

/// y = exp(x - max x) / sum exp(x - max x).
template <class T>
void softmax_forward(const T* x, std::int64_t rows, std::int64_t n, const RowMask& mask, T* y);

/// dx = y (dy - sum dy y). An entry with y = 0 (masked, or so improbable that it rounds to 0) is taken for one that is
/// masked: its dy is not looked at, infinite or NaN as it may be, and dx = 0.
template <class T>
void softmax_backward(const T* y, const T* dy, std::int64_t rows, std::int64_t n, T* dx);

/// y = x - max x - log sum exp(x - max x).
template <class T>
void log_softmax_forward(const T* x, std::int64_t rows, std::int64_t n, const RowMask& mask, T* y);

/// dx = dy - exp(y) sum dy over the entries that take part; 0 at the others, whose y is -inf.
template <class T>
void log_softmax_backward(const T* y, const T* dy, std::int64_t rows, std::int64_t n, T* dx);

}  // namespace tapegrad::kernels
