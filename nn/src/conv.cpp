#include "tapegrad/nn/conv.hpp"

#include <fmt/format.h>

#include "expect_options.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/nn/catalogue.hpp"
#include "tapegrad/ops/engine/conv_options.hpp"
#include "uniform_parameter.hpp"

namespace tapegrad::nn {

namespace {

void expect_sizes(const char* layer, std::int64_t in_channels, std::int64_t out_channels, std::int64_t kernel_size,
                  std::int64_t groups) {
  if (in_channels < 1 || out_channels < 1 || kernel_size < 1)
    throw ValueError(fmt::format("[{}] expected sizes of at least 1, got {} and {} channels and a kernel of {}", layer,
                                 in_channels, out_channels, kernel_size));
  if (in_channels % groups != 0 || out_channels % groups != 0)
    throw ValueError(fmt::format("[{}] {} and {} channels do not both fall into {} groups", layer, in_channels,
                                 out_channels, groups));
}

}  // namespace

Conv1d::Conv1d(std::int64_t in_channels, std::int64_t out_channels, std::int64_t kernel_size, Conv1dOptions options)
    : options_{.stride = options.stride,
               .padding = options.padding,
               .dilation = options.dilation,
               .groups = options.groups,
               .causal = options.causal} {
  engine::expect_convolution("Conv1d", options_);
  expect_sizes("Conv1d", in_channels, out_channels, kernel_size, options.groups);
  expect_floating("Conv1d", options.dtype);
  const std::int64_t seen = in_channels / options.groups;
  weight = uniform_parameter({out_channels, seen, kernel_size}, seen * kernel_size, options.dtype);
  if (options.bias) bias = uniform_parameter({out_channels}, seen * kernel_size, options.dtype);
}

Tensor Conv1d::operator()(const Tensor& x) const {
  const Scope scope = entered();
  return conv1d(x, weight, bias, options_);
}

ConvTranspose1d::ConvTranspose1d(std::int64_t in_channels, std::int64_t out_channels, std::int64_t kernel_size,
                                 ConvTranspose1dOptions options)
    : options_{.stride = options.stride,
               .padding = options.padding,
               .output_padding = options.output_padding,
               .dilation = options.dilation,
               .groups = options.groups} {
  engine::expect_convolution("ConvTranspose1d", options_);
  expect_sizes("ConvTranspose1d", in_channels, out_channels, kernel_size, options.groups);
  expect_floating("ConvTranspose1d", options.dtype);
  const std::int64_t given = out_channels / options.groups;
  weight = uniform_parameter({in_channels, given, kernel_size}, given * kernel_size, options.dtype);
  if (options.bias) bias = uniform_parameter({out_channels}, given * kernel_size, options.dtype);
}

Tensor ConvTranspose1d::operator()(const Tensor& x) const {
  const Scope scope = entered();
  return conv_transpose1d(x, weight, bias, options_);
}

namespace {

struct Conv1dEntry {
  static constexpr std::string_view math =
      R"(y_{n o t} = b_o + \sum_{c, k} w_{o c k}\, x_{n c\,(t s + k d - p)},\ s \text{ the stride, } d \text{ the dilation, } p \text{ the padding})";
  static catalogue::LayerSamples samples(Generator& g) {
    using namespace catalogue;
    return {layer_sample("strided and padded", Conv1d(2, 3, 3, {.stride = 2, .padding = 1, .dtype = float64}),
                         {uniform(g, {2, 2, 5}, -2, 2)}),
            layer_sample("causal, dilated, in groups",
                         Conv1d(2, 2, 2, {.dilation = 2, .groups = 2, .causal = true, .dtype = float64}),
                         {uniform(g, {2, 2, 4}, -2, 2)}),
            layer_sample("one sequence, without bias", Conv1d(2, 1, 2, {.bias = false, .dtype = float64}),
                         {uniform(g, {2, 4}, -2, 2)})};
  }
  static catalogue::ErrorSamples errors() {
    return {
        {"groups", [] { Conv1d(3, 4, 2, {.groups = 2}); }, "[Conv1d] 3 and 4 channels do not both fall into 2 groups"},
        {"sizes", [] { Conv1d(3, 0, 2); },
         "[Conv1d] expected sizes of at least 1, got 3 and 0 channels and a kernel of 2"},
        {"stride", [] { Conv1d(3, 4, 2, {.stride = 0}); }, "[Conv1d] expected a stride of at least 1, got 0"},
        {"padding", [] { Conv1d(3, 4, 2, {.padding = -1}); }, "[Conv1d] expected a padding of at least 0, got -1"},
        {"causal and padded", [] { Conv1d(3, 4, 2, {.padding = 1, .causal = true}); },
         "[Conv1d] causal pads by itself, but padding is 1"},
        {"dtype", [] { Conv1d(3, 4, 2, {.dtype = int64}); }, "[Conv1d] expected a floating dtype, got int64"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) {
    return catalogue::layer_sample("[16, 32, 64] to 32 channels", Conv1d(32, 32, 5, {.padding = 2, .dtype = float64}),
                                   {catalogue::uniform(g, {16, 32, 64}, -2, 2)});
  }
};

struct ConvTranspose1dEntry {
  static constexpr std::string_view math =
      R"(y_{n c l} = b_c + \sum_{o,\, t s + k d - p = l} w_{o c k}\, x_{n o t},\ s \text{ the stride, } d \text{ the dilation, } p \text{ the padding})";
  static catalogue::LayerSamples samples(Generator& g) {
    using namespace catalogue;
    return {layer_sample("strided", ConvTranspose1d(2, 3, 3, {.stride = 2, .dtype = float64}),
                         {uniform(g, {1, 2, 3}, -2, 2)}),
            layer_sample("padded, in groups, without bias",
                         ConvTranspose1d(2, 2, 3, {.padding = 1, .groups = 2, .bias = false, .dtype = float64}),
                         {uniform(g, {2, 2, 3}, -2, 2)})};
  }
  static catalogue::ErrorSamples errors() {
    return {{"groups", [] { ConvTranspose1d(3, 4, 2, {.groups = 2}); },
             "[ConvTranspose1d] 3 and 4 channels do not both fall into 2 groups"},
            {"dilation", [] { ConvTranspose1d(3, 4, 2, {.dilation = 0}); },
             "[ConvTranspose1d] expected a dilation of at least 1, got 0"}};
  }
  static catalogue::LayerSample benchmark(Generator& g) {
    return catalogue::layer_sample("[16, 32, 64] to 32 channels",
                                   ConvTranspose1d(32, 32, 5, {.padding = 2, .dtype = float64}),
                                   {catalogue::uniform(g, {16, 32, 64}, -2, 2)});
  }
};

}  // namespace

TAPEGRAD_LAYER(conv, Conv1d, Conv1dEntry)
TAPEGRAD_LAYER(conv, ConvTranspose1d, ConvTranspose1dEntry)

}  // namespace tapegrad::nn
