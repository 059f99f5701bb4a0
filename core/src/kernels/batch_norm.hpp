// Batch norm, over the columns of a contiguous [rows, channels] array.
//
// Statistics are taken in two passes in double precision, and x - mean keeps the part of the mean that T cannot hold,
// so float32 keeps about 3e-7 even at mean / deviation = 10,000. Sums over rows run over chunks that follow from the
// shape and are combined in order: the same bits at any number of threads. Notation: r = rstd = 1 / sqrt(variance +
// eps); xhat = (x - mean) r; g = gamma dy. Parameters gamma and beta may be null (1 and 0), so may dx, dgamma and dbeta
// (not wanted). Results alias neither operands nor each other. Instantiated for float and double.
#pragma once

#include <cstdint>

#include "kernels/norm_gradients.hpp"

namespace tapegrad::kernels {

/// What batch norm normalises: the columns of x [rows, channels]. Other layouts are permuted first.
template <class T>
struct BatchNorm {
  const T* x = nullptr;
  std::int64_t rows = 0;
  std::int64_t channels = 0;
  const bool* valid = nullptr;  ///< [rows]: which rows the statistics are taken over; null: all
  std::int64_t count = 0;       ///< how many those are; evaluation does not ask
  bool zero_padding = true;  ///< rows that are not valid: written 0 with gradient 0, or else normalised like the others
  const T* gamma = nullptr;  ///< [channels]
  const T* beta = nullptr;   ///< [channels]
};

/// y = gamma xhat + beta with the statistics of the valid rows; writes mean, biased variance and rstd [channels].
/// With none, mean and variance are 0.
template <class T>
void batch_norm_forward(const BatchNorm<T>& facts, double eps, T* y, T* mean, T* variance, T* rstd);

/// Through the batch's statistics, n valid rows, m = 1 in a valid row and 0 elsewhere:
/// dx = r (g - m / n sum g - m xhat / n sum g xhat); dgamma = sum dy xhat; dbeta = sum dy, over the written rows.
template <class T>
void batch_norm_backward(const BatchNorm<T>& facts, const T* mean, const T* rstd, const T* dy,
                         const NormGradients<T>& gradients);

/// y = gamma (x - mean) / sqrt(variance + eps) + beta with given (running) statistics.
template <class T>
void batch_norm_eval_forward(const BatchNorm<T>& facts, const T* mean, const T* variance, double eps, T* y);

/// dx = gamma dy / sqrt(variance + eps), the statistics being constants; dgamma = sum dy xhat; dbeta = sum dy.
template <class T>
void batch_norm_eval_backward(const BatchNorm<T>& facts, const T* mean, const T* variance, double eps, const T* dy,
                              const NormGradients<T>& gradients);

}  // namespace tapegrad::kernels
