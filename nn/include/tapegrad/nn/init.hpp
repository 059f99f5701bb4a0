// Initialisers: fill a tensor in place, unrecorded, from this thread's default generator. A weight is [out, in] or, of
// a convolution, [out, in, ..field]: fan_in is in times the field's size, fan_out is out times it. ConvTranspose1d has
// [in, out, field]: there the two change places, as in PyTorch. All throw ValueError for an undefined tensor and for
// numbers that its dtype does not hold, DTypeError unless it is floating, TapeError when it is tracked by a recording
// tape.
#pragma once

#include "tapegrad/tape/tensor.hpp"

namespace tapegrad::nn::init {

/// Which variance is preserved: that of activations (in) or of gradients (out).
enum class Fan : unsigned char { in, out };

struct KaimingOptions {
  /// sqrt(2) for relu; sqrt(2 / (1 + a^2)) for a leaky one of slope a.
  double gain = 1.4142135623730951;
  Fan fan = Fan::in;
};

void constant(const Tensor& x, double value);
/// Uniform on [low, high), low itself when both are the same. ValueError unless low <= high, both are finite in the
/// dtype and high - low is in double precision.
void uniform(const Tensor& x, double low, double high);
/// N(mean, stddev^2). ValueError unless both are finite, stddev >= 0 and |mean| + 10 stddev is finite in the dtype.
void normal(const Tensor& x, double mean = 0.0, double stddev = 1.0);
/// N(mean, stddev^2) on the condition that the number lies in [low, high], both rounded to x's dtype. As
/// torch.nn.init.trunc_normal_: the bounds are numbers, not multiples of stddev. Drawn by rejection, also from far out
/// in a tail: Robert 1995, "Simulation of truncated normal variables", arXiv:0907.4010, section 2. ValueError unless
/// stddev is positive and finite, low <= high, both bounds are finite in the dtype, and so are their distances from the
/// mean in double precision, as multiples of stddev.
void trunc_normal(const Tensor& x, double mean = 0.0, double stddev = 1.0, double low = -2.0, double high = 2.0);

/// U(-b, b), b = gain sqrt(6 / (fan_in + fan_out)): Glorot and Bengio 2010, equation 16. ShapeError below rank 2 and
/// ValueError for a gain that is negative or not finite, as for all that follow.
void xavier_uniform(const Tensor& x, double gain = 1.0);
/// N(0, s^2), s = gain sqrt(2 / (fan_in + fan_out)).
void xavier_normal(const Tensor& x, double gain = 1.0);
/// U(-b, b), b = gain sqrt(3 / fan): He et al. 2015, arXiv:1502.01852, equation 10. ValueError for what is no Fan, too,
/// as kaiming_normal.
void kaiming_uniform(const Tensor& x, KaimingOptions options = {});
/// N(0, s^2), s = gain / sqrt(fan).
void kaiming_normal(const Tensor& x, KaimingOptions options = {});
/// gain Q, with Q uniformly distributed among the matrices [rows, columns] with orthonormal rows (or columns, where
/// these are fewer): Saxe et al. 2014, arXiv:1312.6120. Orthogonalised in double precision.
void orthogonal(const Tensor& x, double gain = 1.0);

}  // namespace tapegrad::nn::init
