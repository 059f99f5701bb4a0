#include "tapegrad/nn/position.hpp"

#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "tapegrad/base/error.hpp"
#include "tapegrad/nn/catalogue.hpp"
#include "tapegrad/nn/init.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/add.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tapegrad::nn {

namespace {

constexpr std::int64_t kUsualLength = 256;

void expect_positions(const char* layer, const Tensor& x, std::int64_t features) {
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
  expect_positions("SinusoidalPosition", x, features_);
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
  expect_positions("LearnedPosition", x, weight->size(1));
  const std::int64_t length = x.size(-2);
  if (length > weight->size(0))
    throw ShapeError(
        fmt::format("[LearnedPosition] expected at most {} positions, got {}", weight->size(0), to_string(x.shape())));
  return add(x, slice(weight, 0, {.stop = length}));
}

namespace {

struct SinusoidalPositionEntry {
  static constexpr std::string_view math =
      R"(y_{p, 2i} = x_{p, 2i} + \sin(p / 10000^{2i / E}),\ y_{p, 2i + 1} = x_{p, 2i + 1} + \cos(p / 10000^{2i / E}))";
  static catalogue::LayerSamples samples(Generator& g) {
    return {catalogue::layer_sample("sequences", SinusoidalPosition(4), {catalogue::uniform(g, {2, 3, 4}, -2, 2)})};
  }
  static catalogue::ErrorSamples errors() {
    return {{"another width",
             [] {
               SinusoidalPosition(4)(ones({2, 3}));
             },
             "[SinusoidalPosition] expected [.., L, 4], got [2, 3]"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) {
    return catalogue::layer_sample("[64, 32, 64]", SinusoidalPosition(64),
                                   {catalogue::uniform(g, {64, 32, 64}, -2, 2)});
  }
};

struct LearnedPositionEntry {
  static constexpr std::string_view math = R"(y_p = x_p + W_p)";
  static catalogue::LayerSamples samples(Generator& g) {
    return {catalogue::layer_sample("shorter than the table", LearnedPosition(5, 4, {.dtype = float64}),
                                    {catalogue::uniform(g, {2, 3, 4}, -2, 2)})};
  }
  static catalogue::ErrorSamples errors() {
    return {{"sizes", [] { LearnedPosition(-1, 4); }, "[LearnedPosition] expected sizes of at least 0, got -1 and 4"},
            {"too long",
             [] {
               LearnedPosition(5, 2)(ones({1, 6, 2}));
             },
             "[LearnedPosition] expected at most 5 positions, got [1, 6, 2]"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) {
    return catalogue::layer_sample("[64, 32, 64]", LearnedPosition(32, 64, {.dtype = float64}),
                                   {catalogue::uniform(g, {64, 32, 64}, -2, 2)});
  }
};

}  // namespace

TAPEGRAD_LAYER(position, SinusoidalPosition, SinusoidalPositionEntry)
TAPEGRAD_LAYER(position, LearnedPosition, LearnedPositionEntry)

}  // namespace tapegrad::nn
