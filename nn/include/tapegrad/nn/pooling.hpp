// Pooling over time: windows of a sequence as layers, and one vector for a whole sequence.
#pragma once

#include <cstdint>

#include "tapegrad/nn/module.hpp"
#include "tapegrad/ops/mask.hpp"
#include "tapegrad/ops/pool.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad::nn {

using tapegrad::AvgPool1dOptions;
using tapegrad::MaxPool1dOptions;

/// [.., L] -> [.., T], as torch.nn.AvgPool1d: tapegrad::avg_pool1d as a layer. Throws ShapeError, DTypeError.
class AvgPool1d : public Module {
 public:
  /// Throws ValueError for a kernel or a stride below 1 and for a padding outside 0 ... kernel_size / 2.
  explicit AvgPool1d(std::int64_t kernel_size, AvgPool1dOptions options = {});

  Tensor operator()(const Tensor& x) const;

  TAPEGRAD_MODULE()

 private:
  std::int64_t kernel_size_;
  AvgPool1dOptions options_;
};

/// [.., L] -> [.., T], as torch.nn.MaxPool1d: tapegrad::max_pool1d as a layer. (Positions too:
/// tapegrad::max_pool1d_with_indices.) Throws ShapeError, DTypeError.
class MaxPool1d : public Module {
 public:
  /// Throws ValueError for a kernel, a stride or a dilation below 1 and for a padding outside 0 ... kernel_size / 2.
  explicit MaxPool1d(std::int64_t kernel_size, MaxPool1dOptions options = {});

  Tensor operator()(const Tensor& x) const;

  TAPEGRAD_MODULE()

 private:
  std::int64_t kernel_size_;
  MaxPool1dOptions options_;
};

/// [.., L] -> [.., output_size] for any L from 1, as torch.nn.AdaptiveAvgPool1d: tapegrad::adaptive_avg_pool1d as a
/// layer. AdaptiveAvgPool1d(1) gives [.., 1], the mean of each sequence. Throws ShapeError, DTypeError.
class AdaptiveAvgPool1d : public Module {
 public:
  /// Throws ValueError for an output_size below 1.
  explicit AdaptiveAvgPool1d(std::int64_t output_size);

  Tensor operator()(const Tensor& x) const;

  TAPEGRAD_MODULE()

 private:
  std::int64_t output_size_;
};

/// [.., L] -> [.., output_size] for any L from 1, as torch.nn.AdaptiveMaxPool1d: tapegrad::adaptive_max_pool1d as a
/// layer. Throws ShapeError, DTypeError.
class AdaptiveMaxPool1d : public Module {
 public:
  /// Throws ValueError for an output_size below 1.
  explicit AdaptiveMaxPool1d(std::int64_t output_size);

  Tensor operator()(const Tensor& x) const;

  TAPEGRAD_MODULE()

 private:
  std::int64_t output_size_;
};

/// The mean of x [N, L, E] over the valid positions of each sequence: [N, E]. A sequence without one gives 0 with
/// gradient 0. Throws ShapeError unless x is [N, L, E] and the mask's positions are [N, L], DTypeError unless x is
/// floating.
Tensor masked_mean(const Tensor& x, const Mask& mask = {});

}  // namespace tapegrad::nn
