// What the tests of norms over rows and over columns compare with.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "kernels/reference.hpp"

namespace tapegrad::testing {

inline constexpr double kEps = 1e-5;

/// Normalises [groups, size] sets in long double and differentiates sum(dy * y), one group after another: element k of
/// group s stands at place(s, k), its parameters at parameter(s, k). `member` says which elements the statistics are
/// taken over.
struct Normaliser {
  std::int64_t groups, size;
  bool centred;
  std::function<std::size_t(std::int64_t, std::int64_t)> place;
  std::function<std::size_t(std::int64_t, std::int64_t)> parameter;
  std::function<bool(std::int64_t)> member = [](std::int64_t) { return true; };
  bool write_others = true;
  Exact y = {}, dx = {}, dgamma = {}, dbeta = {}, mean = {}, variance = {};

  template <class T>
  void run(const std::vector<T>& x, const std::vector<T>& gamma, const std::vector<T>& beta, const std::vector<T>& dy,
           std::size_t parameters) {
    const auto exact = [](const std::vector<T>& v, std::size_t i, long double otherwise) {
      return v.empty() ? otherwise : static_cast<long double>(v[i]);
    };
    y.assign(x.size(), 0);
    dx.assign(x.size(), 0);
    dgamma.assign(parameters, 0);
    dbeta.assign(parameters, 0);
    for (std::int64_t s = 0; s < groups; ++s) {
      long double n = 0, m = 0, v = 0;
      for (std::int64_t k = 0; k < size; ++k) {
        if (member(k)) {
          n += 1;
          m += exact(x, place(s, k), 0);
        }
      }
      m = centred && n > 0 ? m / n : 0;
      for (std::int64_t k = 0; k < size; ++k) {
        if (member(k)) v += (exact(x, place(s, k), 0) - m) * (exact(x, place(s, k), 0) - m);
      }
      v = n > 0 ? v / n : 0;
      mean.push_back(m);
      variance.push_back(v);
      const long double r = 1 / std::sqrt(v + static_cast<long double>(kEps));
      long double sum_g = 0, sum_gx = 0;
      for (std::int64_t k = 0; k < size; ++k) {
        const std::size_t i = place(s, k), p = parameter(s, k);
        if (!member(k) && !write_others) continue;
        const long double xhat = (exact(x, i, 0) - m) * r;
        const long double d = exact(dy, i, 0);
        y[i] = xhat * exact(gamma, p, 1) + exact(beta, p, 0);
        dgamma[p] += d * xhat;
        dbeta[p] += d;
        sum_g += centred ? d * exact(gamma, p, 1) : 0;
        sum_gx += d * exact(gamma, p, 1) * xhat;
      }
      for (std::int64_t k = 0; k < size; ++k) {
        const std::size_t i = place(s, k);
        if (!member(k) && !write_others) continue;
        const long double xhat = (exact(x, i, 0) - m) * r;
        dx[i] = r * exact(dy, i, 0) * exact(gamma, parameter(s, k), 1);
        if (member(k)) dx[i] -= r / n * (sum_g + xhat * sum_gx);
      }
    }
  }
};

inline Normaliser over_rows(std::int64_t rows, std::int64_t n, bool centred) {
  return {rows, n, centred, [n](auto s, auto k) { return static_cast<std::size_t>(s * n + k); },
          [](auto, auto k) { return static_cast<std::size_t>(k); }};
}

inline Normaliser over_columns(std::int64_t rows, std::int64_t channels) {
  return {channels, rows, true, [channels](auto s, auto k) { return static_cast<std::size_t>(k * channels + s); },
          [](auto s, auto) { return static_cast<std::size_t>(s); }};
}

template <class T>
inline constexpr double kNormTolerance = sizeof(T) == 4 ? 1e-6 : 1e-13;

struct Size {
  std::int64_t rows, n;
};
inline constexpr Size kSizes[] = {{1, 2}, {3, 7}, {112, 40}, {70, 33}, {5, 384}, {300, 16}};

}  // namespace tapegrad::testing
