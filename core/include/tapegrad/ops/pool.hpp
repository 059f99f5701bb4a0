// Pooling over time: over the last dimension of x [.., L], which is PyTorch's layout [N, C, L] or [C, L]. Sequences
// that hold their features last are a view away: avg_pool1d(x.transpose(1, 2), 2).transpose(1, 2). For one value per
// sequence of a padded batch see nn::masked_mean. float32 or float64.
#pragma once

#include <cstdint>
#include <optional>

#include "tapegrad/ops/values_and_indices.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

struct AvgPool1dOptions {
  /// The kernel's size when not given: windows side by side.
  std::optional<std::int64_t> stride = std::nullopt;
  /// Zeros at both ends, at most half the kernel.
  std::int64_t padding = 0;
  /// Whether a last window that reaches beyond the end counts; one that would begin there does not.
  bool ceil_mode = false;
  /// Whether padding counts in what a mean is divided by. Positions beyond the padding never do.
  bool count_include_pad = true;
};

/// Means of windows of `kernel_size` positions: [.., T] with T = floor((L + 2 padding - kernel_size) / stride) + 1
/// (`ceil_mode`: ceil). As torch.nn.functional.avg_pool1d. Throws ShapeError where T < 1: for a kernel longer than the
/// padded sequence (with `ceil_mode` by `stride` positions or more; if by less, there is one window, which reaches
/// beyond the end). ValueError for options out of range, DTypeError.
Tensor avg_pool1d(const Tensor& x, std::int64_t kernel_size, const AvgPool1dOptions& options = {});

struct MaxPool1dOptions {
  /// The kernel's size when not given.
  std::optional<std::int64_t> stride = std::nullopt;
  /// Positions at both ends that are never chosen, at most half the kernel.
  std::int64_t padding = 0;
  std::int64_t dilation = 1;
  bool ceil_mode = false;
};

/// The largest in each window, and its position, as torch.nn.functional.max_pool1d with return_indices. The gradient
/// goes to the position that is returned: of ties the first, as for max_with_indices. NaN counts as largest. Shapes and
/// errors as for avg_pool1d, and ShapeError for a window that holds nothing but padding.
ValuesAndIndices max_pool1d_with_indices(const Tensor& x, std::int64_t kernel_size,
                                         const MaxPool1dOptions& options = {});
/// The values alone.
Tensor max_pool1d(const Tensor& x, std::int64_t kernel_size, const MaxPool1dOptions& options = {});

/// Means of `output_size` windows that share L among them: window i holds positions floor(i L / output_size) to
/// ceil((i + 1) L / output_size), the end excluded. As torch.nn.functional.adaptive_avg_pool1d. ShapeError for an empty
/// sequence, ValueError for an output_size below 1.
Tensor adaptive_avg_pool1d(const Tensor& x, std::int64_t output_size);

/// The largest in each of these windows, and its position; gradient and errors as above.
ValuesAndIndices adaptive_max_pool1d_with_indices(const Tensor& x, std::int64_t output_size);
/// The values alone.
Tensor adaptive_max_pool1d(const Tensor& x, std::int64_t output_size);

}  // namespace tapegrad
