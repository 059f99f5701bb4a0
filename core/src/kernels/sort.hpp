// Rows in order. Ties are broken by position and NaN is larger than every number, so that the order is total: one
// result, whatever the algorithm and the number of threads. Results alias neither x nor each other. Instantiated for
// float, double and int64.
#pragma once

#include <cstdint>

namespace tapegrad::kernels {

/// What is taken of each row of n.
struct Ranking {
  std::int64_t k = 0;       ///< how many: n sorts the row. REQUIRES: 0 <= k <= n
  bool descending = false;  ///< the largest first
  bool sorted = true;       ///< by value; else by position
};

/// positions[r, 0..k) of the chosen elements of row r of x [rows, n], and their values.
template <class T>
void rank_rows(const T* x, std::int64_t rows, std::int64_t n, const Ranking& ranking, T* values,
               std::int64_t* positions);

}  // namespace tapegrad::kernels
