// Windows along the rows of a contiguous [rows, length] array: weighted sums of them, their transpose, and their
// largest elements. Sums run in double precision in the order of the positions; a row depends on that row alone.
// Results alias no operand. Instantiated for float and double.
#pragma once

#include <cstdint>
#include <span>

namespace tapegrad::kernels {

/// Positions begin, begin + step, ... below end, all inside the row; their sum counts `share` times.
struct Window {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::int64_t step = 1;
  double share = 1.0;
};

/// y[rows, windows]: share times the sum of each window.
template <class T>
void window_sums(const T* x, std::int64_t rows, std::int64_t length, std::span<const Window> windows, T* y);

/// dx[r, p] += share dy[r, i] for each window i that holds p, in the order of the windows.
template <class T>
void add_to_windows(const T* dy, std::int64_t rows, std::int64_t length, std::span<const Window> windows, T* dx);

/// Position in its row of each window's first NaN, else of its first largest element. REQUIRES: no window is empty.
template <class T>
void window_argmax(const T* x, std::int64_t rows, std::int64_t length, std::span<const Window> windows,
                   std::int64_t* positions);

}  // namespace tapegrad::kernels
