// Where the elements of a matrix of derivatives are taken from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include "gradcheck/block.hpp"

namespace tapegrad::checker {

inline constexpr std::size_t kMostAxes = 4;  // of which all orders, or sets, are tried

/// Where each element of a shape takes its value from.
using Places = std::vector<std::size_t>;

/// Those of the elements of a shape, one after the other, among those of another.
template <class Move>
Places places(const Extents& shape, const Extents& among, const Move& move) {
  Places from(static_cast<std::size_t>(count_of(shape)));
  for (std::size_t k = 0; k < from.size(); ++k) {
    Extents at = unravel(static_cast<std::int64_t>(k), shape);
    move(at);
    from[k] = static_cast<std::size_t>(ravel(at, among));
  }
  return from;
}

inline Places in_order(std::size_t count) {
  Places from(count);
  std::iota(from.begin(), from.end(), std::size_t{0});
  return from;
}

/// m with rows and columns taken from elsewhere.
inline Matrix taken(const Matrix& m, const Places& rows, const Places& columns) {
  Matrix result(m.rows, m.columns);
  for (std::size_t r = 0; r < m.rows; ++r)
    for (std::size_t c = 0; c < m.columns; ++c) result(r, c) = m(rows[r], columns[c]);
  return result;
}

}  // namespace tapegrad::checker
