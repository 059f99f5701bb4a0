#include "tapegrad/nn/conv.hpp"

#include <fmt/format.h>

#include <cmath>

#include "tapegrad/base/error.hpp"
#include "tapegrad/nn/init.hpp"
#include "tapegrad/tape/create.hpp"
#include "tapegrad/tape/tape.hpp"

namespace tapegrad::nn {

namespace {

void check_sizes(const char* layer, std::int64_t in_channels, std::int64_t out_channels, std::int64_t kernel_size,
                 std::int64_t groups) {
  if (in_channels < 1 || out_channels < 1 || kernel_size < 1 || groups < 1)
    throw ValueError(fmt::format("[{}] expected sizes of at least 1, got {} and {} channels, a kernel of {}, {} groups",
                                 layer, in_channels, out_channels, kernel_size, groups));
  if (in_channels % groups != 0 || out_channels % groups != 0)
    throw ValueError(fmt::format("[{}] {} and {} channels do not both fall into {} groups", layer, in_channels,
                                 out_channels, groups));
}

/// Uniform on the bound that Kaiming's rule gives for the gain 1/sqrt(3).
Parameter uniform_parameter(const Shape& shape, std::int64_t fan_in, DType dtype) {
  const double bound = 1.0 / std::sqrt(static_cast<double>(fan_in));
  Parameter parameter(zeros(shape, {.dtype = dtype}));
  init::uniform(parameter, -bound, bound);
  return parameter;
}

}  // namespace

Conv1d::Conv1d(std::int64_t in_channels, std::int64_t out_channels, std::int64_t kernel_size, Conv1dOptions options)
    : options_{.stride = options.stride,
               .padding = options.padding,
               .dilation = options.dilation,
               .groups = options.groups,
               .causal = options.causal} {
  check_sizes("Conv1d", in_channels, out_channels, kernel_size, options.groups);
  const std::int64_t seen = in_channels / options.groups;
  weight = uniform_parameter({out_channels, seen, kernel_size}, seen * kernel_size, options.dtype);
  if (options.bias) bias = uniform_parameter({out_channels}, seen * kernel_size, options.dtype);
}

Tensor Conv1d::operator()(const Tensor& x) const {
  const Scope scope(path());
  return conv1d(x, weight, bias, options_);
}

ConvTranspose1d::ConvTranspose1d(std::int64_t in_channels, std::int64_t out_channels, std::int64_t kernel_size,
                                 ConvTranspose1dOptions options)
    : options_{.stride = options.stride,
               .padding = options.padding,
               .output_padding = options.output_padding,
               .groups = options.groups,
               .dilation = options.dilation} {
  check_sizes("ConvTranspose1d", in_channels, out_channels, kernel_size, options.groups);
  const std::int64_t given = out_channels / options.groups;
  weight = uniform_parameter({in_channels, given, kernel_size}, given * kernel_size, options.dtype);
  if (options.bias) bias = uniform_parameter({out_channels}, given * kernel_size, options.dtype);
}

Tensor ConvTranspose1d::operator()(const Tensor& x) const {
  const Scope scope(path());
  return conv_transpose1d(x, weight, bias, options_);
}

}  // namespace tapegrad::nn
