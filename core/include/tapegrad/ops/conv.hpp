// Convolution over time, in PyTorch's layout: channels first, [N, C, L]. float32 or float64, the same for all operands.
//
// Sequences that hold their features last, [N, L, E], are a view away: conv1d(x.transpose(1, 2), weight).transpose(1,
// 2). No element is moved for the view itself; the kernel reads channels as rows and makes them contiguous once, as it
// would for any other strides. A padded batch is convolved as it stands: positions behind a sequence's end should hold
// 0 (as padding does), and the result should be masked again.
#pragma once

#include <cstdint>

#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

struct Conv1dOptions {
  std::int64_t stride = 1;
  /// Zeros at both ends.
  std::int64_t padding = 0;
  /// The distance between neighbouring taps of the kernel.
  std::int64_t dilation = 1;
  /// Number of groups of channels that do not see each other; as many groups as channels is a depthwise convolution.
  std::int64_t groups = 1;
  /// Pads (K - 1) dilation zeros at the front and none at the end, so that step t sees no position after t stride (van
  /// den Oord et al. 2016, arXiv:1609.03499). Not together with `padding`.
  bool causal = false;
};

/// y[n, o, t] = bias[o] + sum over c, k of weight[o, c, k] x[n, c, t stride + k dilation - padding], as
/// torch.nn.functional.conv1d (a correlation: the kernel is not turned around). x [N, C, L], or [C, L] for one
/// sequence; weight [O, C / groups, K]; bias [O] or undefined. Result [N, O, T] with T = floor((L + 2 padding - (K - 1)
/// dilation - 1) / stride) + 1; with `causal` T = floor((L - 1) / stride) + 1. Throws ShapeError for shapes that do not
/// fit and for a kernel longer than the padded sequence, ValueError for options out of range, DTypeError.
Tensor conv1d(const Tensor& x, const Tensor& weight, const Tensor& bias = {}, const Conv1dOptions& options = {});

struct ConvTranspose1dOptions {
  std::int64_t stride = 1;
  /// Positions cut from each end of the result.
  std::int64_t padding = 0;
  /// Positions added at the end of the result, to choose among the lengths that conv1d maps to the same T. Less than
  /// stride or dilation.
  std::int64_t output_padding = 0;
  std::int64_t dilation = 1;
  std::int64_t groups = 1;
};

/// The adjoint of conv1d with the same weight, as torch.nn.functional.conv_transpose1d: y[n, c, t stride + k dilation -
/// padding] collects x[n, o, t] weight[o, c, k]. x [N, O, T], or [O, T] for one sequence; weight [O, C / groups, K];
/// bias [C] or undefined. Result [N, C, L] with L = (T - 1) stride - 2 padding + (K - 1) dilation + output_padding + 1.
/// Errors as for conv1d.
Tensor conv_transpose1d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
                        const ConvTranspose1dOptions& options = {});

/// The gradient of conv1d with respect to its weight, as torch.nn.grad.conv1d_weight: x [N, C, L] correlated with the
/// cotangent dy [N, O, T] of conv1d's result, [O, C / groups, kernel_size]. Errors as for conv1d, and ValueError for a
/// kernel_size below 1.
Tensor conv1d_weight(const Tensor& x, const Tensor& dy, std::int64_t kernel_size, const Conv1dOptions& options = {});

}  // namespace tapegrad
