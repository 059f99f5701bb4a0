// Normalisation layers: over the features of a token (LayerNorm, RMSNorm), over the tokens of a batch (BatchNorm), or
// over channels and positions of a sample (GroupNorm, InstanceNorm1d: channels first, as the convolutions).
//
// Constructors throw ValueError for less than one feature and for eps below 0, DTypeError for a dtype that is not
// floating; calls throw ShapeError "[LayerNorm] expected [.., 4], got [2, 5]" for another width, DTypeError for another
// dtype than the parameters'.
#pragma once

#include <cstdint>
#include <variant>

#include "tapegrad/nn/module.hpp"
#include "tapegrad/ops/mask.hpp"

namespace tapegrad::nn {

struct LayerNormOptions {
  double eps = 1e-5;
  /// Whether there are a weight (1 at first) and a bias (0 at first).
  bool affine = true;
  bool bias = true;
  DType dtype = float32;
};

/// weight (x - mean) / sqrt(variance + eps) + bias over the last dimension of x [.., features]. Ba, Kiros, Hinton 2016,
/// arXiv:1607.06450. Each token's result depends on that token alone.
class LayerNorm : public Module {
 public:
  explicit LayerNorm(std::int64_t features, LayerNormOptions options = {});

  Tensor operator()(const Tensor& x) const;

  Parameter weight;
  Parameter bias;
  TAPEGRAD_MODULE(weight, bias)

 private:
  std::int64_t features_;
  double eps_;
};

struct RMSNormOptions {
  /// PyTorch's default is the dtype's epsilon; make_norm() has 1e-5 for all norms.
  double eps = 1e-6;
  bool affine = true;
  DType dtype = float32;
};

/// weight x / sqrt(mean(x^2) + eps) over the last dimension of x [.., features]. Zhang and Sennrich 2019,
/// arXiv:1910.07467.
class RMSNorm : public Module {
 public:
  explicit RMSNorm(std::int64_t features, RMSNormOptions options = {});

  Tensor operator()(const Tensor& x) const;

  Parameter weight;
  TAPEGRAD_MODULE(weight)

 private:
  std::int64_t features_;
  double eps_;
};

struct BatchNormOptions {
  double eps = 1e-5;
  /// The share of the newest batch in the running statistics. There is no equal average of all batches (PyTorch's
  /// momentum=None).
  double momentum = 0.1;
  bool affine = true;
  /// Whether x is [N, features] or [N, features, L], as a convolution gives it, instead of [.., features].
  bool channels_first = false;
  DType dtype = float32;
};

/// weight (x - mean) / sqrt(variance + eps) + bias for each feature of x [.., features]. In training the statistics are
/// taken over all leading dimensions together (with a mask: over its valid positions [N, L]), and running averages of
/// them are kept, the variance with Bessel's correction; in evaluation the running averages are used. Positions that a
/// mask hides become 0 in both modes, and nothing in them reaches a gradient. Ioffe and Szegedy 2015, arXiv:1502.03167.
/// A batch without a valid position leaves the averages alone; one with a single position is a ShapeError in training.
/// A feature whose mean or variance in a batch is not finite, as that of float32 elements beyond about 1e19 is, keeps
/// its averages for that batch: they would never come back from it.
/// With .channels_first it takes what torch.nn.BatchNorm1d takes; a mask's positions are [N, L] then too.
class BatchNorm : public Module {
 public:
  /// Throws ValueError for a momentum outside [0, 1].
  explicit BatchNorm(std::int64_t features, BatchNormOptions options = {});

  /// Throws DTypeError unless x has the statistics' dtype.
  Tensor operator()(const Tensor& x, const Mask& mask = {});

  Parameter weight;
  Parameter bias;
  Buffer running_mean;
  Buffer running_var;
  Buffer num_batches_tracked;
  TAPEGRAD_MODULE(weight, bias, running_mean, running_var, num_batches_tracked)

 private:
  Tensor train_on(const Tensor& x, const Mask& mask);
  Tensor evaluate(const Tensor& x, const Tensor& positions) const;

  std::int64_t features_;
  double eps_;
  double momentum_;
  bool channels_first_;
};

struct GroupNormOptions {
  double eps = 1e-5;
  bool affine = true;
  DType dtype = float32;
};

/// weight (x - mean) / sqrt(variance + eps) + bias for x [N, channels, ..], channels first as in PyTorch: the
/// statistics of each sample are those of a group of channels / groups channels and all positions together; weight and
/// bias [channels] belong to channels. Wu and He 2018, arXiv:1803.08494.
class GroupNorm : public Module {
 public:
  /// Throws ValueError unless the groups divide the channels.
  GroupNorm(std::int64_t groups, std::int64_t channels, GroupNormOptions options = {});

  Tensor operator()(const Tensor& x) const;

  Parameter weight;
  Parameter bias;
  TAPEGRAD_MODULE(weight, bias)

 private:
  std::int64_t groups_;
  std::int64_t channels_;
  double eps_;
};

struct InstanceNorm1dOptions {
  double eps = 1e-5;
  /// Off at first, as in PyTorch.
  bool affine = false;
  DType dtype = float32;
};

/// weight (x - mean) / sqrt(variance + eps) + bias for x [N, channels, L], channels first: the statistics are those of
/// the positions of one channel of one sample, in training and in evaluation (PyTorch's layer without running
/// statistics). Ulyanov et al. 2016, arXiv:1607.08022. A single position is a ShapeError.
class InstanceNorm1d : public Module {
 public:
  explicit InstanceNorm1d(std::int64_t channels, InstanceNorm1dOptions options = {});

  Tensor operator()(const Tensor& x) const;

  Parameter weight;
  Parameter bias;
  TAPEGRAD_MODULE(weight, bias)

 private:
  std::int64_t channels_;
  double eps_;
};

/// Which normalisation a model uses.
enum class Norm : unsigned char {
  layer,  ///< LayerNorm
  batch,  ///< BatchNorm
  rms,    ///< RMSNorm
  none
};

/// One of them, or nothing.
using AnyNorm = std::variant<std::monostate, LayerNorm, BatchNorm, RMSNorm>;

struct AnyNormOptions {
  /// For any of the norms, RMSNorm included.
  double eps = 1e-5;
  DType dtype = float32;
};
/// Throws ValueError for what is no Norm, and what the layer's constructor throws.
AnyNorm make_norm(Norm norm, std::int64_t features, AnyNormOptions options = {});
/// The chosen layer's result, or x itself for Norm::none; only BatchNorm reads the mask.
Tensor apply_norm(AnyNorm& norm, const Tensor& x, const Mask& mask = {});

}  // namespace tapegrad::nn
