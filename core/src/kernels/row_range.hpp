// What a kernel that goes along rows is given of them.
#pragma once

#include <cstdint>

#include "kernels/parallel.hpp"

namespace tapegrad::kernels {

/// A range of rows of [.., n].
struct RowRange {
  std::int64_t begin, end, n;
};

/// body(begin, end) over all rows of [rows, n], at `steps` per element. Rows are independent: how many a task takes
/// changes no result.
template <class Body>
void for_rows(std::int64_t rows, std::int64_t n, std::int64_t steps, const Body& body) {
  if (n == 0) return;
  parallel_for(rows, rows_per_chunk(n), rows * n * steps, body);
}

}  // namespace tapegrad::kernels
