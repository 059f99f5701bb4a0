// What the tests of the checker share: plain functions of matrices, their Jacobians, and mistakes to plant in them.
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <span>
#include <vector>

#include "tapegrad/base/random.hpp"
#include "tapegrad/gradcheck/check_gradient.hpp"

namespace tapegrad::testing_functions {

using Point = std::span<const double>;
using Numbers = std::vector<double>;
using Function = std::function<Numbers(Point)>;

inline Numbers normal(std::size_t count, std::uint64_t seed, double scale = 1.0) {
  Generator g(seed);
  Numbers values(count);
  for (double& v : values) v = scale * g.normal();
  return values;
}

/// The check of f and its derivative at one x, in one dimension.
inline GradcheckReport check_at(double x, const std::function<double(double)>& f, double slope) {
  return check_gradient([&](Point p) { return f(p[0]); }, [&](Point) { return Numbers{slope}; }, Numbers{x});
}

/// m x n numbers, row-major.
struct Jacobian {
  std::size_t m, n;
  Numbers values = Numbers(m * n, 0.0);
  double& operator()(std::size_t o, std::size_t j) { return values[o * n + j]; }
};

/// Layer normalisation of the rows of a matrix, with its mistakes.
struct RowNormalisation {
  std::size_t rows, columns;
  double eps = 1e-5;
  double backward_eps = 1e-5;
  double mean_term = 1.0, variance_term = 1.0;  // in the Jacobian: 0 where the statistic is treated as constant
  bool eps_on_deviation = false;                // in the Jacobian only

  Numbers operator()(Point x) const {
    Numbers y(x.size());
    for (std::size_t r = 0; r < rows; ++r) {
      const auto [mean, variance] = statistics(x, r);
      for (std::size_t c = 0; c < columns; ++c)
        y[r * columns + c] = (x[r * columns + c] - mean) / std::sqrt(variance + eps);
    }
    return y;
  }
  Numbers jacobian(Point x) const {
    Jacobian j{x.size(), x.size()};
    const auto n = static_cast<double>(columns);
    for (std::size_t r = 0; r < rows; ++r) {
      const auto [mean, variance] = statistics(x, r);
      const double inverse =
          eps_on_deviation ? 1.0 / (std::sqrt(variance) + backward_eps) : 1.0 / std::sqrt(variance + backward_eps);
      for (std::size_t a = 0; a < columns; ++a) {
        for (std::size_t b = 0; b < columns; ++b) {
          const double xa = (x[r * columns + a] - mean) * inverse;
          const double xb = (x[r * columns + b] - mean) * inverse;
          j(r * columns + a, r * columns + b) =
              inverse * ((a == b ? 1.0 : 0.0) - mean_term / n - variance_term * xa * xb / n);
        }
      }
    }
    return j.values;
  }

 private:
  std::pair<double, double> statistics(Point x, std::size_t r) const {
    double mean = 0.0;
    for (std::size_t c = 0; c < columns; ++c) mean += x[r * columns + c];
    mean /= static_cast<double>(columns);
    double variance = 0.0;
    for (std::size_t c = 0; c < columns; ++c) {
      const double d = x[r * columns + c] - mean;
      variance += d * d;
    }
    return {mean, variance / static_cast<double>(columns)};
  }
};

/// The rows of a matrix, each divided by the root of its mean square; `term` is what the Jacobian has of that root's
/// derivative.
struct RowRms {
  std::size_t columns;
  double term = 1.0;
  double eps = 1e-6, backward_eps = 1e-6;
  bool backward_eps_on_root = false;

  Numbers operator()(Point x) const {
    Numbers y(x.begin(), x.end());
    for (std::size_t k = 0; k < y.size(); ++k) y[k] /= std::sqrt(mean_square(x, k) + eps);
    return y;
  }
  Numbers jacobian(Point x) const {
    Jacobian j{x.size(), x.size()};
    for (std::size_t a = 0; a < x.size(); ++a) {
      const double square = mean_square(x, a);
      const double r = backward_eps_on_root ? std::sqrt(square) + backward_eps : std::sqrt(square + backward_eps);
      const std::size_t begin = a - a % columns;
      for (std::size_t b = begin; b < begin + columns; ++b)
        j(a, b) = (a == b ? 1.0 : 0.0) / r - term * x[a] * x[b] / (static_cast<double>(columns) * r * r * r);
    }
    return j.values;
  }

 private:
  double mean_square(Point x, std::size_t of) const {
    double sum = 0.0;
    for (const double v : x.subspan(of - of % columns, columns)) sum += v * v;
    return sum / static_cast<double>(columns);
  }
};

}  // namespace tapegrad::testing_functions
