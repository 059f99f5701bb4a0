#include "ops/conv/trilinear.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "tape/expect.hpp"
#include "tapegrad/base/error.hpp"
#include "tapegrad/ops/engine/conv_options.hpp"
#include "tapegrad/ops/reduce.hpp"

namespace tapegrad {

kernels::Convolution Meeting::with(std::int64_t sequences, std::int64_t channels, std::int64_t outputs) const {
  // Of a single step the stride says nothing: what kernels add to it shall not overflow.
  constexpr std::int64_t kMostStride = std::numeric_limits<std::int64_t>::max() / 4;
  return {.sequences = sequences,
          .groups = groups,
          .in = channels / groups,
          .out = outputs / groups,
          .length = length,
          .steps = steps,
          .taps = taps,
          .stride = steps > 1 ? stride : std::min(stride, kMostStride),
          .dilation = dilation,
          .before = before};
}

void Meeting::describe(AttributeVisitor& visitor) const {
  visitor("stride", stride);
  visitor("zeros_before", before);
  visitor("dilation", dilation);
  visitor("groups", groups);
  visitor("kernel_size", taps);
}

Tensor channel_sums(const Tensor& dy) { return sum(sum(dy, 2), 0); }

void expect_operands(std::string_view op, const Tensor& operand, std::string_view shape, const Tensor& weight,
                     const Tensor& bias) {
  expect_defined(op, operand, "input 0 (x)");
  expect_defined(op, weight, "input 1 (weight)");
  expect_floating(op, operand);
  expect_same_dtype(op, operand, weight);
  if (bias.defined()) expect_same_dtype(op, operand, bias);
  if ((operand.dim() != 2 && operand.dim() != 3) || weight.dim() != 3)
    throw ShapeError(fmt::format("[{}] expected {}, got {} and {}", op, shape, to_string(operand.shape()),
                                 to_string(weight.shape())));
}

void expect_bias(std::string_view op, const Tensor& bias, std::int64_t channels) {
  if (bias.defined() && bias.shape() != Shape{channels})
    throw ShapeError(fmt::format("[{}] expected a bias [{}], got {}", op, channels, to_string(bias.shape())));
}

namespace {

template <class Options>
void expect_steps(std::string_view owner, const Options& options) {
  const auto at_least = [owner](std::string_view name, std::int64_t value, std::int64_t least) {
    if (value < least)
      throw ValueError(fmt::format("[{}] expected {} of at least {}, got {}", owner, name, least, value));
  };
  at_least("a stride", options.stride, 1);
  at_least("a padding", options.padding, 0);
  at_least("a dilation", options.dilation, 1);
  at_least("groups", options.groups, 1);
}

}  // namespace

void engine::expect_convolution(std::string_view owner, const Conv1dOptions& options) {
  expect_steps(owner, options);
  if (options.causal && options.padding != 0)
    throw ValueError(fmt::format("[{}] causal pads by itself, but padding is {}", owner, options.padding));
}

void engine::expect_convolution(std::string_view owner, const ConvTranspose1dOptions& options) {
  expect_steps(owner, options);
  if (options.output_padding < 0 || options.output_padding >= std::max(options.stride, options.dilation))
    throw ValueError(fmt::format("[{}] expected an output_padding from 0 to below stride {} or dilation {}, got {}",
                                 owner, options.stride, options.dilation, options.output_padding));
}

std::int64_t span_of(std::string_view op, std::int64_t taps, std::int64_t dilation) {
  std::int64_t span = 0;
  if (__builtin_mul_overflow(taps - 1, dilation, &span) || __builtin_add_overflow(span, 1, &span))
    throw ShapeError(fmt::format("[{}] a dilation of {} is too large for a kernel of {} taps", op, dilation, taps));
  return span;
}

Meeting meeting_of(std::string_view op, const Shape& x, std::int64_t taps, const Conv1dOptions& options) {
  engine::expect_convolution(op, options);
  expect_groups(op, x[x.rank() - 2], "x", x, options.groups);
  if (taps < 1) throw ShapeError(fmt::format("[{}] expected a kernel of at least one tap, got {}", op, taps));
  const std::int64_t span = span_of(op, taps, options.dilation);
  const std::int64_t before = options.causal ? span - 1 : options.padding;
  std::int64_t padded = 0;
  if (__builtin_add_overflow(x.back(), before, &padded) || __builtin_add_overflow(padded, options.padding, &padded))
    throw ShapeError(fmt::format("[{}] a padding of {} is too large for x {}", op, before, to_string(x)));
  if (padded < span)
    throw ShapeError(fmt::format("[{}] the kernel spans {} positions, x {} with its padding has {}", op, span,
                                 to_string(x), padded));
  return {.stride = options.stride,
          .dilation = options.dilation,
          .before = before,
          .groups = options.groups,
          .length = x.back(),
          .steps = (padded - span) / options.stride + 1,
          .taps = taps};
}

}  // namespace tapegrad
