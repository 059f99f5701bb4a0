#include "tapegrad/nn/position.hpp"

#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "tapegrad/base/error.hpp"
#include "tapegrad/nn/init.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/add.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tapegrad::nn {

namespace {

constexpr std::int64_t kUsualLength = 256;

void expect_features(const char* layer, const Tensor& x, std::int64_t features) {
  if (x.dim() < 2 || x.size(-1) != features)
    throw ShapeError(fmt::format("[{}] expected [.., L, {}], got {}", layer, features, to_string(x.shape())));
}

}  // namespace

Tensor sinusoidal_positions(std::int64_t length, std::int64_t features, DType dtype) {
  if (length < 0 || features < 0)
    throw ValueError(
        fmt::format("[sinusoidal_positions] expected sizes of at least 0, got {} and {}", length, features));
  std::vector<double> rates(static_cast<std::size_t>(features));
  for (std::size_t f = 0; f < rates.size(); ++f)
    rates[f] = std::pow(10000.0, static_cast<double>(f - f % 2) / static_cast<double>(features));
  std::vector<double> values;
  values.reserve(static_cast<std::size_t>(length) * rates.size());
  for (std::int64_t p = 0; p < length; ++p)
    for (std::size_t f = 0; f < rates.size(); ++f) {
      const double angle = static_cast<double>(p) / rates[f];
      values.push_back(f % 2 == 0 ? std::sin(angle) : std::cos(angle));
    }
  return from_vector(values, {length, features}).to(dtype);
}

SinusoidalPosition::SinusoidalPosition(std::int64_t features)
    : features_(features),
      table32_(sinusoidal_positions(kUsualLength, features, float32)),
      table64_(sinusoidal_positions(kUsualLength, features, float64)) {}

Tensor SinusoidalPosition::operator()(const Tensor& x) const {
  const Scope scope(path());
  expect_features("SinusoidalPosition", x, features_);
  const std::int64_t length = x.size(-2);
  if (length > kUsualLength) return add(x, sinusoidal_positions(length, features_, x.dtype()));
  return add(x, slice(x.dtype() == float32 ? table32_ : table64_, 0, {.stop = length}));
}

LearnedPosition::LearnedPosition(std::int64_t max_length, std::int64_t features, LearnedPositionOptions options) {
  if (max_length < 0 || features < 0)
    throw ValueError(
        fmt::format("[LearnedPosition] expected sizes of at least 0, got {} and {}", max_length, features));
  weight = Parameter(zeros({max_length, features}, {.dtype = options.dtype}));
  init::normal(weight, 0.0, options.deviation);
}

Tensor LearnedPosition::operator()(const Tensor& x) const {
  const Scope scope(path());
  expect_features("LearnedPosition", x, weight->size(1));
  const std::int64_t length = x.size(-2);
  if (length > weight->size(0))
    throw ShapeError(
        fmt::format("[LearnedPosition] expected at most {} positions, got {}", weight->size(0), to_string(x.shape())));
  return add(x, slice(weight, 0, {.stop = length}));
}

}  // namespace tapegrad::nn
