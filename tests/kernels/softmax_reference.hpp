// What the tests of softmax and of cross-entropy compare with.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/reference.hpp"

namespace tapegrad::testing {

inline constexpr std::int64_t kLengths[] = {1, 2, 7, 16, 17, 33, 64, 100, 1000};

/// Softmax of each row in long double; entries for which keep(r, j) is false have probability 0.
template <class T, class Keep>
Exact softmax_of(const std::vector<T>& x, std::int64_t n, const Keep& keep) {
  Exact p(x.size());
  for (std::size_t start = 0; start < x.size(); start += static_cast<std::size_t>(n)) {
    long double max = -kInfinity<long double>;
    long double sum = 0;
    for (std::size_t j = 0; j < static_cast<std::size_t>(n); ++j) {
      if (keep(start + j)) max = std::max(max, static_cast<long double>(x[start + j]));
    }
    for (std::size_t j = 0; j < static_cast<std::size_t>(n); ++j) {
      if (keep(start + j) && std::isfinite(max))
        sum += p[start + j] = std::exp(static_cast<long double>(x[start + j]) - max);
    }
    for (std::size_t j = 0; j < static_cast<std::size_t>(n) && sum > 0; ++j) p[start + j] /= sum;
  }
  return p;
}

inline constexpr auto kKeepAll = [](std::size_t) { return true; };

template <class T>
inline constexpr double kSoftmaxTolerance = (sizeof(T) == 4 ? 8 : 16) * kEpsilon<T>;

}  // namespace tapegrad::testing
