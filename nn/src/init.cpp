#include "tapegrad/nn/init.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "fill_normal.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/base/random.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/engine/overwrite.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tapegrad::nn::init {

namespace {

/// draw(i) for each element i of x, in row-major order.
template <class T, class Draw>
Tensor drawn(const Tensor& x, const Draw& draw) {
  Tensor values = empty(x.shape(), {.dtype = dtype_of<T>()});
  std::size_t i = 0;
  for (T& value : values.mutable_data<T>()) value = static_cast<T>(draw(i++));
  return values;
}

void expect_floating(const Tensor& x, const char* op) {
  if (!x.defined()) throw ValueError(fmt::format("[{}] expected a tensor to fill, got an undefined one", op));
  if (!is_floating(x.dtype()))
    throw DTypeError(
        fmt::format("[{}] expected a floating tensor, got {} {}", op, to_string(x.dtype()), to_string(x.shape())));
}

/// The largest number of x's dtype.
double largest_of(const Tensor& x) {
  return x.dtype() == float32 ? std::numeric_limits<float>::max() : std::numeric_limits<double>::max();
}

template <class Draw>
void fill(const Tensor& x, const char* op, const Draw& draw) {
  engine::expect_writable(x, op);
  const NoRecord pause;
  engine::overwrite(x, x.dtype() == float32 ? drawn<float>(x, draw) : drawn<double>(x, draw), op);
}

/// Random numbers in double precision, one after the other, drawn many at a time.
class Numbers {
 public:
  using Draw = Tensor (*)(const Shape&, Generator&, TensorOptions);

  Numbers(Draw draw, std::int64_t count) : draw_(draw), left_(count) {}
  /// REQUIRES: not called more often than there are numbers.
  double next() {
    if (next_ == drawn_.size()) refill();
    return drawn_[next_++];
  }

 private:
  void refill() {
    constexpr std::int64_t kMost = std::int64_t{1} << 16;
    const std::int64_t count = std::min(left_, kMost);
    drawn_ = draw_({count}, default_generator(), {.dtype = float64}).to_vector<double>();
    left_ -= count;
    next_ = 0;
  }

  Draw draw_;
  std::int64_t left_;
  std::vector<double> drawn_;
  std::size_t next_ = 0;
};

struct Fans {
  double in;
  double out;
};

void expect_weight(const Tensor& x, const char* op, double gain) {
  expect_floating(x, op);
  if (!(gain >= 0.0 && gain <= largest_of(x)))
    throw ValueError(
        fmt::format("[{}] expected a gain of at least 0 that {} holds, got {}", op, to_string(x.dtype()), gain));
  if (x.dim() < 2)
    throw ShapeError(std::string("[") + op + "] expected a weight [out, in, ...], got " + to_string(x.shape()));
}

Fans fans_of(const Tensor& x, const char* op, double gain) {
  expect_weight(x, op, gain);
  double field = 1.0;
  for (int d = 2; d < x.dim(); ++d) field *= static_cast<double>(x.size(d));
  return {static_cast<double>(x.size(1)) * field, static_cast<double>(x.size(0)) * field};
}

template <class T>
double largest_below(double bound) {
  const T nearest = static_cast<T>(bound);
  return static_cast<double>(
      static_cast<double>(nearest) < bound ? nearest : std::nextafter(nearest, -std::numeric_limits<T>::infinity()));
}

void fill_uniform(const Tensor& x, const char* op, double low, double high) {
  if (x.numel() > 0 && !(low <= high && std::isfinite(high - low) && low >= -largest_of(x) && high <= largest_of(x)))
    throw ValueError(fmt::format("[{}] expected bounds that {} holds, low <= high, got {} and {}", op,
                                 to_string(x.dtype()), low, high));
  Numbers numbers(&rand, x.numel());
  // Rounding may not take a number up to `high`.
  const double most = std::max(low, x.dtype() == float32 ? largest_below<float>(high) : largest_below<double>(high));
  fill(x, op, [&](std::size_t) { return std::min(low + (high - low) * numbers.next(), most); });
}

/// A standard normal number on the condition that it lies in [low, high], with low > 0.
double tail_number(Generator& g, double low, double high) {
  const double rate = low / 2.0 + std::hypot(low, 2.0) / 2.0;
  if (rate * (high - low) > 1.0) {
    for (;;) {  // from an exponential density
      const double z = low - std::log1p(-g.uniform()) / rate;
      if (z <= high && g.uniform() < std::exp(-(z - rate) * (z - rate) / 2.0)) return z;
    }
  }
  for (;;) {
    const double z = g.uniform(low, high);
    if (g.uniform() < std::exp(-(z - low) * (z / 2.0 + low / 2.0))) return z;
  }
}

/// The same for any bounds.
double truncated_number(Generator& g, double low, double high) {
  if (low > 0.0) return tail_number(g, low, high);
  if (high < 0.0) return -tail_number(g, -high, -low);
  constexpr double kWide = 2.5066282746310002;  // sqrt(2 pi): from here on normal numbers are rejected less often
  for (;;) {
    if (high - low > kWide) {
      const double z = g.normal();
      if (low <= z && z <= high) return z;
    } else {
      const double z = g.uniform(low, high);
      if (g.uniform() < std::exp(-z * z / 2.0)) return z;
    }
  }
}

double kaiming_deviation(const Tensor& x, const char* op, KaimingOptions options) {
  const Fans fans = fans_of(x, op, options.gain);
  if (options.fan > Fan::out) throw ValueError(fmt::format("[{}] no such fan", op));
  return options.gain / std::sqrt(options.fan == Fan::in ? fans.in : fans.out);
}

}  // namespace

void fill_normal(const Tensor& x, const char* op, double mean, double stddev) {
  constexpr double kDeviations = 10.0;  // no number that is drawn lies further out
  if (x.numel() > 0 && !(stddev >= 0.0 && std::abs(mean) + kDeviations * stddev <= largest_of(x)))
    throw ValueError(fmt::format("[{}] expected a mean and a stddev of at least 0 that {} holds, got {} and {}", op,
                                 to_string(x.dtype()), mean, stddev));
  Numbers numbers(&randn, x.numel());
  fill(x, op, [&](std::size_t) { return mean + stddev * numbers.next(); });
}

void constant(const Tensor& x, double value) {
  expect_floating(x, "constant");
  if (std::isfinite(value) && std::abs(value) > largest_of(x))
    throw ValueError(fmt::format("[constant] {} does not hold {}", to_string(x.dtype()), value));
  fill(x, "constant", [&](std::size_t) { return value; });
}

void uniform(const Tensor& x, double low, double high) {
  expect_floating(x, "uniform");
  fill_uniform(x, "uniform", low, high);
}

void normal(const Tensor& x, double mean, double stddev) {
  expect_floating(x, "normal");
  fill_normal(x, "normal", mean, stddev);
}

void trunc_normal(const Tensor& x, double mean, double stddev, double low, double high) {
  expect_floating(x, "trunc_normal");
  const double from = (low - mean) / stddev;
  const double to = (high - mean) / stddev;
  if (!(stddev > 0.0 && std::isfinite(stddev) && low <= high && low >= -largest_of(x) && high <= largest_of(x) &&
        std::isfinite(from) && std::isfinite(to)))
    throw ValueError(fmt::format(
        "[trunc_normal] expected a positive, finite stddev and bounds that {} holds, low <= high, at finite "
        "distances from the mean, got mean {}, stddev {}, bounds {} and {}",
        to_string(x.dtype()), mean, stddev, low, high));
  Generator& g = default_generator();
  // Rounding may take a number beyond its bound.
  fill(x, "trunc_normal",
       [&](std::size_t) { return std::clamp(mean + stddev * truncated_number(g, from, to), low, high); });
}

void xavier_uniform(const Tensor& x, double gain) {
  const Fans fans = fans_of(x, "xavier_uniform", gain);
  const double bound = gain * std::sqrt(6.0 / (fans.in + fans.out));
  fill_uniform(x, "xavier_uniform", -bound, bound);
}

void xavier_normal(const Tensor& x, double gain) {
  const Fans fans = fans_of(x, "xavier_normal", gain);
  fill_normal(x, "xavier_normal", 0.0, gain * std::sqrt(2.0 / (fans.in + fans.out)));
}

void kaiming_uniform(const Tensor& x, KaimingOptions options) {
  const double bound = std::sqrt(3.0) * kaiming_deviation(x, "kaiming_uniform", options);
  fill_uniform(x, "kaiming_uniform", -bound, bound);
}

void kaiming_normal(const Tensor& x, KaimingOptions options) {
  fill_normal(x, "kaiming_normal", 0.0, kaiming_deviation(x, "kaiming_normal", options));
}

void orthogonal(const Tensor& x, double gain) {
  expect_weight(x, "orthogonal", gain);
  const auto rows = static_cast<std::size_t>(x.size(0));
  const std::size_t columns = rows == 0 ? 0 : static_cast<std::size_t>(x.numel()) / rows;
  // Vectors along the longer side, as many as the shorter one has; for normal ones, what Gram and Schmidt make of them
  // is uniformly distributed (their R has a positive diagonal: Mezzadri 2007, arXiv:math-ph/0609050).
  const std::size_t count = std::min(rows, columns);
  const std::size_t length = std::max(rows, columns);
  Numbers numbers(&randn, x.numel());
  std::vector<std::vector<double>> basis(count, std::vector<double>(length));
  for (std::vector<double>& vector : basis)
    for (double& v : vector) v = numbers.next();
  const auto dot = [&](const std::vector<double>& a, const std::vector<double>& b) {
    double sum = 0.0;
    for (std::size_t i = 0; i < length; ++i) sum += a[i] * b[i];
    return sum;
  };
  for (std::size_t k = 0; k < count; ++k) {
    for (int pass = 0; pass < 2; ++pass)  // twice is enough: Parlett 1998, section 6.9
      for (std::size_t j = 0; j < k; ++j) {
        const double along = dot(basis[k], basis[j]);
        for (std::size_t i = 0; i < length; ++i) basis[k][i] -= along * basis[j][i];
      }
    const double norm = std::sqrt(dot(basis[k], basis[k]));
    for (double& v : basis[k]) v /= norm;
  }
  fill(x, "orthogonal", [&](std::size_t i) {
    const std::size_t row = i / columns;
    const std::size_t column = i % columns;
    return gain * (rows <= columns ? basis[row][column] : basis[column][row]);
  });
}

}  // namespace tapegrad::nn::init
