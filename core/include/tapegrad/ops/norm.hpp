// Normalisation over features (layer_norm, rms_norm), over positions (batch_norm), and over both within groups of
// channels (group_norm, instance_norm: channels first, where all others take them last). gamma and beta may be
// undefined: then 1 and 0. All take float32 or float64, DTypeError for others and for a mixture; ShapeError for
// parameters that do not fit, ValueError for eps < 0.
//
// The squares of float64 elements beyond about 1e154 in size are infinite: a row that has such gives 0 or NaN, and
// wants to be scaled before. Results of float32 have no such limit, their statistics are sums in double; but the
// variance that batch_norm hands out is float32, and infinite for elements beyond about 1e19.
#pragma once

#include <cstdint>

#include "tapegrad/ops/mask.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// gamma (x - mean) / sqrt(variance + eps) + beta over the last dimension of x [.., E], with the biased variance; gamma
/// and beta [E]. Ba, Kiros, Hinton 2016, arXiv:1607.06450. Each row depends on itself alone, to the bit. Over one
/// feature the output is beta and the gradient of x is 0.
Tensor layer_norm(const Tensor& x, const Tensor& gamma = {}, const Tensor& beta = {}, double eps = 1e-5);

/// gamma x / sqrt(mean(x^2) + eps) over the last dimension of x [.., E]. Zhang and Sennrich 2019, arXiv:1910.07467.
Tensor rms_norm(const Tensor& x, const Tensor& gamma = {}, double eps = 1e-6);

/// gamma (x - mean) / sqrt(variance + eps) + beta for x [N, C, ..], channels first: mean and biased variance are those
/// of a group of C / groups neighbouring channels and all positions of one sample; gamma and beta [C] belong to
/// channels. As torch.nn.functional.group_norm: Wu and He 2018, arXiv:1803.08494. A sample depends on itself alone, to
/// the bit. With one group it is layer_norm over everything but N; a group of one value gives beta, with gradient 0 to
/// x. Throws ShapeError unless the groups divide C.
Tensor group_norm(const Tensor& x, std::int64_t groups, const Tensor& gamma = {}, const Tensor& beta = {},
                  double eps = 1e-5);

/// The same with a group for each channel: statistics over the positions of one channel of one sample, x [N, C, L] or
/// more dimensions. As torch.nn.functional.instance_norm without running statistics: Ulyanov et al. 2016,
/// arXiv:1607.08022. ShapeError for a single position (its variance is 0: the output would be beta whatever x is).
Tensor instance_norm(const Tensor& x, const Tensor& gamma = {}, const Tensor& beta = {}, double eps = 1e-5);

/// Of batch_norm. (The layer's options are nn::BatchNormOptions.)
struct BatchStatisticsOptions {
  double eps = 1e-5;
  /// Whose valid positions [N, L] the statistics of x [N, L, C] are taken over; its other parts say nothing here.
  Mask mask = {};
  /// Whether the other positions become 0 (with gradient 0); if not, they are normalised like the valid ones.
  bool zero_padding = true;
};

struct [[nodiscard]] BatchNormResult {
  Tensor y;
  /// The batch's statistics [C], for running averages; they carry no gradient. The variance is biased.
  Tensor mean, variance;
  /// The number of valid positions, over which each channel's statistics are taken. 0 when the batch has none.
  std::int64_t count = 0;
};

/// gamma (x - mean) / sqrt(variance + eps) + beta for each channel of x [.., C], over all its valid positions. The
/// gradient goes through the statistics, so that each position's depends on all others. Ioffe and Szegedy 2015,
/// arXiv:1502.03167. ShapeError for a single valid position (its variance is 0: the output would be beta whatever x
/// is), and for a mask with positions of other sizes or beside an x of other rank than 3. Without any valid position
/// count, mean and variance are 0, and so is the result unless zero_padding is false.
BatchNormResult batch_norm(const Tensor& x, const Tensor& gamma = {}, const Tensor& beta = {},
                           const BatchStatisticsOptions& options = {});

/// gamma (x - mean) / sqrt(variance + eps) + beta with given statistics [C] (running averages, in evaluation).
Tensor batch_norm_eval(const Tensor& x, const Tensor& mean, const Tensor& variance, const Tensor& gamma = {},
                       const Tensor& beta = {}, double eps = 1e-5);

}  // namespace tapegrad
