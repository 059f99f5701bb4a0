// Losses. All are differentiable any number of times.
#pragma once

#include <cstdint>

#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// What becomes of the losses of many samples: their mean, their sum, or themselves.
enum class Reduction : std::uint8_t { none, mean, sum };

struct CrossEntropyOptions {
  /// A sample with this target counts for nothing: loss 0, gradient 0, not part of the mean.
  std::int64_t ignore_index = -100;
  /// Spreads this share of each target evenly over all classes (Szegedy et al. 2016, arXiv:1512.00567). In [0, 1].
  double label_smoothing = 0.0;
  /// [C], a constant: how much a sample of each class counts. Undefined: 1.
  Tensor weight = {};
  Reduction reduction = Reduction::mean;
};

/// -log softmax(logits)[target]: logits [.., C], targets int64 of logits' shape without the classes. As
/// torch.nn.functional.cross_entropy with classes last: the mean divides by the sum of the weights of the targets. When
/// all targets are ignored (or there are none) the mean is 0 with gradient 0 (PyTorch: NaN). Throws IndexError that
/// names the first target outside 0 ... C - 1, ShapeError, DTypeError, ValueError for label_smoothing, TapeError for a
/// weight that is tracked.
Tensor cross_entropy(const Tensor& logits, const Tensor& targets, const CrossEntropyOptions& options = {});

/// (input - target)^2. Shapes must be the same: ShapeError (a broadcast here is mostly a mistake). The mean of no
/// elements is NaN.
Tensor mse_loss(const Tensor& input, const Tensor& target, Reduction reduction = Reduction::mean);

struct BceOptions {
  /// Broadcast to the logits: how much each entry counts, and how much a positive counts against a negative.
  Tensor weight = {};
  Tensor pos_weight = {};
  Reduction reduction = Reduction::mean;
};

/// -(pos_weight t log sigmoid(x) + (1 - t) log(1 - sigmoid(x))), stable in both tails; targets t in [0, 1] of the
/// logits' shape. The mean divides by the number of entries. Gradients flow into everything given. Throws ShapeError.
Tensor bce_with_logits(const Tensor& logits, const Tensor& targets, const BceOptions& options = {});

}  // namespace tapegrad
