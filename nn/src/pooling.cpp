#include "tapegrad/nn/pooling.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <vector>

#include "expect_options.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/nn/catalogue.hpp"
#include "tapegrad/ops/engine/pool_options.hpp"
#include "tapegrad/ops/linalg.hpp"
#include "tapegrad/ops/pointwise.hpp"
#include "tapegrad/ops/pool.hpp"
#include "tapegrad/ops/reduce.hpp"
#include "tapegrad/ops/view.hpp"
#include "tapegrad/tape/create.hpp"

namespace tapegrad::nn {

AvgPool1d::AvgPool1d(std::int64_t kernel_size, AvgPool1dOptions options)
    : kernel_size_(kernel_size), options_(options) {
  engine::expect_windows("AvgPool1d", kernel_size, options.stride.value_or(kernel_size), options.padding);
}

Tensor AvgPool1d::operator()(const Tensor& x) const {
  const Scope scope = entered();
  return avg_pool1d(x, kernel_size_, options_);
}

MaxPool1d::MaxPool1d(std::int64_t kernel_size, MaxPool1dOptions options)
    : kernel_size_(kernel_size), options_(options) {
  engine::expect_windows("MaxPool1d", kernel_size, options.stride.value_or(kernel_size), options.padding,
                         options.dilation);
}

Tensor MaxPool1d::operator()(const Tensor& x) const {
  const Scope scope = entered();
  return max_pool1d(x, kernel_size_, options_);
}

AdaptiveAvgPool1d::AdaptiveAvgPool1d(std::int64_t output_size) : output_size_(output_size) {
  engine::expect_output_size("AdaptiveAvgPool1d", output_size);
}

Tensor AdaptiveAvgPool1d::operator()(const Tensor& x) const {
  const Scope scope = entered();
  return adaptive_avg_pool1d(x, output_size_);
}

AdaptiveMaxPool1d::AdaptiveMaxPool1d(std::int64_t output_size) : output_size_(output_size) {
  engine::expect_output_size("AdaptiveMaxPool1d", output_size);
}

Tensor AdaptiveMaxPool1d::operator()(const Tensor& x) const {
  const Scope scope = entered();
  return adaptive_max_pool1d(x, output_size_);
}

namespace {

/// [N, 1, L]: 1 / (number of valid positions) at the valid ones, 0 elsewhere.
Tensor shares(const Tensor& positions, DType dtype) {
  const std::int64_t length = positions.size(1);
  const Tensor packed = positions.contiguous();
  const std::span<const bool> keep = packed.data<bool>();
  std::vector<double> values(keep.size(), 0.0);
  for (std::size_t row = 0; row < keep.size(); row += static_cast<std::size_t>(length)) {
    const std::span<const bool> valid = keep.subspan(row, static_cast<std::size_t>(length));
    const double share =
        1.0 / static_cast<double>(std::max<std::ptrdiff_t>(1, std::count(valid.begin(), valid.end(), true)));
    for (std::size_t p = 0; p < valid.size(); ++p)
      if (valid[p]) values[row + p] = share;
  }
  return from_vector(values, {positions.size(0), 1, length}).to(dtype);
}

}  // namespace

Tensor masked_mean(const Tensor& x, const Mask& mask) {
  expect_defined("masked_mean", x);
  if (x.dim() != 3) throw ShapeError(fmt::format("[masked_mean] expected [N, L, E], got {}", to_string(x.shape())));
  const Tensor& positions = mask.positions();
  if (!positions.defined()) return x.size(1) == 0 ? sum(x, 1) : mean(x, 1);
  if (positions.shape() != Shape{x.size(0), x.size(1)})
    throw ShapeError(fmt::format("[masked_mean] expected positions [{}, {}] for {}, got {}", x.size(0), x.size(1),
                                 to_string(x.shape()), to_string(positions.shape())));
  // Padding may hold NaN, of which a share of 0 would still be NaN.
  return squeeze(matmul(shares(positions, x.dtype()), where(unsqueeze(positions, -1), x, 0.0)), 1);
}

namespace {

struct AvgPool1dEntry {
  static constexpr std::string_view math =
      R"(y_i = \frac{1}{n_i} \sum_{k < K} x_{i s - p + k},\ K \text{ the kernel's size, } s \text{ the stride, } p \text{ the padding, } n_i \text{ the number of these positions in the padded sequence, or in } x \text{ alone})";
  static catalogue::LayerSamples samples(Generator& g) {
    using namespace catalogue;
    return {layer_sample("side by side", AvgPool1d(2), {uniform(g, {2, 2, 5}, -2, 2)}),
            layer_sample("overlapping, padded",
                         AvgPool1d(3, {.stride = 2, .padding = 1, .ceil_mode = true, .count_include_pad = false}),
                         {uniform(g, {2, 6}, -2, 2)})};
  }
  static catalogue::ErrorSamples errors() {
    return {{"kernel", [] { AvgPool1d(0); }, "[AvgPool1d] expected a kernel size of at least 1, got 0"},
            {"stride", [] { AvgPool1d(2, {.stride = 0}); }, "[AvgPool1d] expected a stride of at least 1, got 0"},
            {"padding", [] { AvgPool1d(3, {.padding = 2}); },
             "[AvgPool1d] expected a padding from 0 to half the kernel size 3, got 2"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) {
    return catalogue::layer_sample("[64, 32, 64]", AvgPool1d(2), {catalogue::uniform(g, {64, 32, 64}, -2, 2)});
  }
};

struct MaxPool1dEntry {
  static constexpr std::string_view math =
      R"(y_i = \max_{k < K} x_{i s - p + k d},\ K \text{ the kernel's size, } s \text{ the stride, } p \text{ the padding, } d \text{ the dilation})";
  static catalogue::LayerSamples samples(Generator& g) {
    using namespace catalogue;
    return {layer_sample("side by side", MaxPool1d(2), {scattered(g, {2, 2, 5}, -2, 2)}),
            layer_sample("dilated, padded", MaxPool1d(3, {.stride = 2, .padding = 1, .dilation = 2, .ceil_mode = true}),
                         {scattered(g, {2, 8}, -2, 2)})};
  }
  static catalogue::ErrorSamples errors() {
    return {{"kernel", [] { MaxPool1d(-1); }, "[MaxPool1d] expected a kernel size of at least 1, got -1"},
            {"dilation", [] { MaxPool1d(2, {.dilation = 0}); }, "[MaxPool1d] expected a dilation of at least 1, got 0"},
            {"padding", [] { MaxPool1d(3, {.padding = -1}); },
             "[MaxPool1d] expected a padding from 0 to half the kernel size 3, got -1"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) {
    return catalogue::layer_sample("[64, 32, 64]", MaxPool1d(2), {catalogue::scattered(g, {64, 32, 64}, -2, 2)});
  }
};

struct AdaptiveAvgPool1dEntry {
  static constexpr std::string_view math =
      R"(y_i = \frac{1}{|W_i|} \sum_{j \in W_i} x_j,\ W_i = \{\lfloor i L / T \rfloor, \ldots, \lceil (i + 1) L / T \rceil - 1\},\ T \text{ windows of } L \text{ positions})";
  static catalogue::LayerSamples samples(Generator& g) {
    using namespace catalogue;
    return {layer_sample("one window", AdaptiveAvgPool1d(1), {uniform(g, {2, 2, 3}, -2, 2)}),
            layer_sample("overlapping", AdaptiveAvgPool1d(3), {uniform(g, {2, 5}, -2, 2)})};
  }
  static catalogue::ErrorSamples errors() {
    return {{"output size", [] { AdaptiveAvgPool1d(0); },
             "[AdaptiveAvgPool1d] expected an output size of at least 1, got 0"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) {
    return catalogue::layer_sample("[64, 32, 64] to 5", AdaptiveAvgPool1d(5),
                                   {catalogue::uniform(g, {64, 32, 64}, -2, 2)});
  }
};

struct AdaptiveMaxPool1dEntry {
  static constexpr std::string_view math =
      R"(y_i = \max_{j \in W_i} x_j,\ W_i = \{\lfloor i L / T \rfloor, \ldots, \lceil (i + 1) L / T \rceil - 1\},\ T \text{ windows of } L \text{ positions})";
  static catalogue::LayerSamples samples(Generator& g) {
    using namespace catalogue;
    return {layer_sample("one window", AdaptiveMaxPool1d(1), {scattered(g, {2, 2, 3}, -2, 2)}),
            layer_sample("overlapping", AdaptiveMaxPool1d(3), {scattered(g, {2, 5}, -2, 2)})};
  }
  static catalogue::ErrorSamples errors() {
    return {{"output size", [] { AdaptiveMaxPool1d(-2); },
             "[AdaptiveMaxPool1d] expected an output size of at least 1, got -2"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) {
    return catalogue::layer_sample("[64, 32, 64] to 5", AdaptiveMaxPool1d(5),
                                   {catalogue::scattered(g, {64, 32, 64}, -2, 2)});
  }
};

struct MaskedMeanEntry {
  static constexpr std::string_view math =
      R"(y_n = \frac{1}{|V_n|} \sum_{p \in V_n} x_{np},\ V_n \text{ the valid positions of sequence } n)";
  static catalogue::LayerSamples samples(Generator& g) {
    using namespace catalogue;
    const auto with = [](const Mask& mask) { return [mask](const Tensor& x) { return masked_mean(x, mask); }; };
    return {
        function_sample("all positions", with({}), {uniform(g, {2, 4, 3}, -2, 2)}),
        function_sample("valid positions", with(Mask::from_lengths({4, 1}, 4)), {uniform(g, {2, 4, 3}, -2, 2)}),
        function_sample("a sequence of padding", with(Mask::from_lengths({0, 2}, 3)), {uniform(g, {2, 3, 2}, -2, 2)})};
  }
  static catalogue::ErrorSamples errors() {
    return {{"rank",
             [] {
               (void)masked_mean(ones({2, 3}));
             },
             "[masked_mean] expected [N, L, E], got [2, 3]"},
            {"positions",
             [] {
               (void)masked_mean(ones({2, 3, 4}), Mask::from_lengths({1, 2}, 4));
             },
             "[masked_mean] expected positions [2, 3] for [2, 3, 4], got [2, 4]"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) {
    std::vector<std::int64_t> lengths(64);
    for (std::int64_t& length : lengths) length = 1 + g.below(32);
    const Mask mask = Mask::from_lengths(lengths, 32);
    return catalogue::function_sample("[64, 32, 64]", [mask](const Tensor& x) { return masked_mean(x, mask); },
                                      {catalogue::uniform(g, {64, 32, 64}, -2, 2)});
  }
};

}  // namespace

TAPEGRAD_LAYER(pooling, AvgPool1d, AvgPool1dEntry)
TAPEGRAD_LAYER(pooling, MaxPool1d, MaxPool1dEntry)
TAPEGRAD_LAYER(pooling, AdaptiveAvgPool1d, AdaptiveAvgPool1dEntry)
TAPEGRAD_LAYER(pooling, AdaptiveMaxPool1d, AdaptiveMaxPool1dEntry)
TAPEGRAD_LAYER(pooling, masked_mean, MaskedMeanEntry)

}  // namespace tapegrad::nn
