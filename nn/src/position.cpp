#include "tapegrad/nn/position.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <vector>

#include "expect_options.hpp"
#include "fill_normal.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/nn/catalogue.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/engine_ops.hpp"

namespace tapegrad::nn {

namespace {

/// Held while a table's handle is read or replaced, never while rows are computed: one for all layers is enough.
std::mutex position_tables;

/// Rows first ... first + L - 1 of a table, for x [.., L, features].
Slice rows_for(const char* layer, const Tensor& x, std::int64_t features, std::int64_t first) {
  expect_defined(layer, x);
  if (x.dim() < 2 || x.size(-1) != features)
    throw ShapeError(fmt::format("[{}] expected [.., L, {}], got {}", layer, features, to_string(x.shape())));
  if (first < 0) throw ValueError(fmt::format("[{}] expected a first position of at least 0, got {}", layer, first));
  if (first > std::numeric_limits<std::int64_t>::max() - x.size(-2))
    throw ValueError(fmt::format("[{}] expected a first position whose last, for {}, is an int64, got {}", layer,
                                 to_string(x.shape()), first));
  return {.start = first, .stop = first + x.size(-2)};
}

/// Rows first ... first + length - 1 of the table of sinusoidal positions.
Tensor sinusoidal_rows(std::int64_t first, std::int64_t length, std::int64_t features, DType dtype) {
  Tensor positions = empty({length, features}, {.dtype = float64});
  std::vector<double> rates(static_cast<std::size_t>(features));
  for (std::size_t f = 0; f < rates.size(); ++f)
    rates[f] = std::pow(10000.0, static_cast<double>(f - f % 2) / static_cast<double>(features));
  auto value = positions.mutable_data<double>("sinusoidal_positions").begin();
  for (std::int64_t p = first; p < first + length; ++p)
    for (std::size_t f = 0; f < rates.size(); ++f) {
      const double angle = static_cast<double>(p) / rates[f];
      *value++ = f % 2 == 0 ? std::sin(angle) : std::cos(angle);
    }
  return positions.to(dtype);
}

/// Tables are kept up to this length; rows beyond are made when they are asked for.
constexpr std::int64_t kMostKeptRows = 1 << 16;

}  // namespace

Tensor sinusoidal_positions(std::int64_t length, std::int64_t features, DType dtype) {
  expect_not_negative("sinusoidal_positions", length, features);
  expect_floating("sinusoidal_positions", dtype);
  return sinusoidal_rows(0, length, features, dtype);
}

SinusoidalPosition::SinusoidalPosition(std::int64_t features) : features_(features) {
  if (features < 0)
    throw ValueError(fmt::format("[SinusoidalPosition] expected at least 0 features, got {}", features));
}

SinusoidalPosition::Table& SinusoidalPosition::Table::operator=(const Table& other) noexcept {
  rows_ = other.rows();
  return *this;
}

Tensor SinusoidalPosition::Table::rows() const noexcept {
  const std::lock_guard lock(position_tables);
  return rows_;
}

Tensor SinusoidalPosition::Table::at_least(std::int64_t length, std::int64_t features, DType dtype) const {
  Tensor known = rows();
  const std::int64_t count = known.defined() ? known.size(0) : 0;
  if (known.defined() && length <= count) return known;
  // Twice as long at least, so that lengths that grow one by one cost no more than a few times the last.
  Tensor longer = sinusoidal_positions(std::max(length, 2 * count), features, dtype);
  const std::lock_guard lock(position_tables);
  if (!rows_.defined() || rows_.size(0) < longer.size(0)) rows_ = longer;  // or another thread was faster
  return longer;
}

Tensor SinusoidalPosition::operator()(const Tensor& x, std::int64_t first) const {
  const Scope scope = entered();
  const Slice rows = rows_for("SinusoidalPosition", x, features_, first);
  expect_floating("SinusoidalPosition", x.dtype());
  if (rows.stop > kMostKeptRows) return add(x, sinusoidal_rows(first, x.size(-2), features_, x.dtype()));
  const Tensor table = x.dtype() == float32 ? table32_.at_least(rows.stop, features_, float32)
                                            : table64_.at_least(rows.stop, features_, float64);
  return add(x, slice(table, 0, rows));
}

LearnedPosition::LearnedPosition(std::int64_t max_length, std::int64_t features, LearnedPositionOptions options) {
  expect_not_negative("LearnedPosition", max_length, features);
  expect_floating("LearnedPosition", options.dtype);
  const Tensor rows = zeros({max_length, features}, {.dtype = options.dtype});
  init::fill_normal(rows, "LearnedPosition", 0.0, options.stddev);
  weight = Parameter(rows);
}

Tensor LearnedPosition::operator()(const Tensor& x, std::int64_t first) const {
  const Scope scope = entered();
  const Slice rows = rows_for("LearnedPosition", x, weight->size(1), first);
  if (rows.stop > weight->size(0))
    throw ShapeError(fmt::format("[LearnedPosition] expected at most {} positions, got {}{}", weight->size(0),
                                 to_string(x.shape()), first == 0 ? "" : fmt::format(" from position {} on", first)));
  return add(x, slice(weight, 0, rows));
}

namespace {

struct SinusoidalPositionEntry {
  static constexpr std::string_view math =
      R"(y_{p, 2i} = x_{p, 2i} + \sin(p / 10000^{2i / E}),\ y_{p, 2i + 1} = x_{p, 2i + 1} + \cos(p / 10000^{2i / E}),\ p \text{ the position, } E \text{ the number of features})";
  static catalogue::LayerSamples samples(Generator& g) {
    return {catalogue::layer_sample("sequences", SinusoidalPosition(4), {catalogue::uniform(g, {2, 3, 4}, -2, 2)})};
  }
  static catalogue::ErrorSamples errors() {
    return {{"features", [] { SinusoidalPosition(-1); }, "[SinusoidalPosition] expected at least 0 features, got -1"},
            {"another width",
             [] {
               (void)SinusoidalPosition(4)(ones({2, 3}));
             },
             "[SinusoidalPosition] expected [.., L, 4], got [2, 3]"},
            {"integers",
             [] {
               (void)SinusoidalPosition(4)(ones({2, 4}, {.dtype = int64}), 1 << 20);
             },
             "[SinusoidalPosition] expected a floating dtype, got int64"},
            {"before the first",
             [] {
               (void)SinusoidalPosition(4)(ones({2, 4}), -1);
             },
             "[SinusoidalPosition] expected a first position of at least 0, got -1"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) {
    return catalogue::layer_sample("[64, 32, 64]", SinusoidalPosition(64),
                                   {catalogue::uniform(g, {64, 32, 64}, -2, 2)});
  }
};

struct LearnedPositionEntry {
  static constexpr std::string_view math = R"(y_p = x_p + W_p,\ p \text{ the position})";
  static catalogue::LayerSamples samples(Generator& g) {
    const Tensor x = catalogue::uniform(g, {2, 3, 4}, -2, 2);
    return {catalogue::layer_sample("shorter than the table", LearnedPosition(5, 4, {.dtype = float64}), {x}),
            catalogue::layer_sample("from position 2 on", LearnedPosition(5, 4, {.dtype = float64}), {x},
                                    [](LearnedPosition& self, const Tensor& later) { return self(later, 2); })};
  }
  static catalogue::ErrorSamples errors() {
    return {{"sizes", [] { LearnedPosition(-1, 4); }, "[LearnedPosition] expected sizes of at least 0, got -1 and 4"},
            {"a deviation", [] { LearnedPosition(5, 4, {.stddev = -1.0}); },
             "[LearnedPosition] expected a mean and a stddev of at least 0 that float32 holds, got 0 and -1"},
            {"too long",
             [] {
               (void)LearnedPosition(5, 2)(ones({1, 6, 2}));
             },
             "[LearnedPosition] expected at most 5 positions, got [1, 6, 2]"},
            {"too late",
             [] {
               (void)LearnedPosition(5, 2)(ones({1, 3, 2}), 3);
             },
             "[LearnedPosition] expected at most 5 positions, got [1, 3, 2] from position 3 on"},
            {"before the first",
             [] {
               (void)LearnedPosition(5, 2)(ones({1, 3, 2}), -1);
             },
             "[LearnedPosition] expected a first position of at least 0, got -1"}};
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
