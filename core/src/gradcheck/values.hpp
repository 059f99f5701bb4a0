// Lists of numbers: what the checker computes with.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace tapegrad::checker {

using Values = std::vector<double>;
using Extents = std::vector<std::int64_t>;

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// The largest finite absolute value; 0 when there is none.
inline double largest(std::span<const double> values) {
  double most = 0.0;
  for (const double v : values)
    if (std::isfinite(v)) most = std::max(most, std::abs(v));
  return most;
}

inline Values magnitudes(Values values) {
  for (double& v : values) v = std::abs(v);
  return values;
}

inline Values multiple(Values values, double factor) {
  for (double& v : values) v *= factor;
  return values;
}

inline double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

/// The Euclidean length, also where the squares overflow or vanish.
inline double norm(std::span<const double> values) {
  constexpr double kLeast = 1e-250, kMost = 1e250;
  const double squares = dot(values, values);
  const double most = largest(values);
  if ((squares > kLeast && squares < kMost) || std::isnan(squares) || most == 0.0) return std::sqrt(squares);
  const int exponent = std::ilogb(most);
  double scaled = 0.0;
  for (const double v : values) scaled += std::scalbn(v, -exponent) * std::scalbn(v, -exponent);
  return std::scalbn(std::sqrt(scaled), exponent);
}

inline bool any_finite(std::span<const double> values) {
  return std::any_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
}

inline bool all_finite(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
}

inline std::int64_t count_of(const Extents& shape) {
  std::int64_t count = 1;
  for (const std::int64_t size : shape) count *= size;
  return count;
}

/// The coordinates of the index-th element, row-major.
inline Extents unravel(std::int64_t index, const Extents& shape) {
  Extents at(shape.size());
  for (std::size_t d = shape.size(); d-- > 0;) {
    at[d] = index % shape[d];
    index /= shape[d];
  }
  return at;
}

inline std::int64_t ravel(const Extents& at, const Extents& shape) {
  std::int64_t index = 0;
  for (std::size_t d = 0; d < shape.size(); ++d) index = index * shape[d] + at[d];
  return index;
}

}  // namespace tapegrad::checker
