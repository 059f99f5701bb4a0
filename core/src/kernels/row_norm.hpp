// Layer norm and RMS norm, over the rows of a contiguous [rows, n] array.
//
// Statistics are taken in two passes in double precision, and x - mean keeps the part of the mean that T cannot hold,
// so float32 keeps about 3e-7 even at mean / deviation = 10,000. A row's result depends on that row alone, to the bit.
// Sums over rows run over chunks that follow from the shape and are combined in order: the same bits at any number of
// threads. Notation: r = rstd = 1 / sqrt(variance + eps); xhat = (x - mean) r; g = gamma dy; <a> the mean over the row.
// Parameters gamma and beta may be null (1 and 0), so may dx, dgamma and dbeta (not wanted). Results alias neither
// operands nor each other. Instantiated for float and double.
#pragma once

#include <cstdint>

#include "kernels/norm_gradients.hpp"

namespace tapegrad::kernels {

/// What layer norm and RMS norm normalise: the rows of x [rows, n].
template <class T>
struct RowNorm {
  const T* x = nullptr;
  std::int64_t rows = 0;
  std::int64_t n = 0;
  const T* gamma = nullptr;  ///< [n]
  const T* beta = nullptr;   ///< [n]
};

/// y = gamma xhat + beta per row (Ba et al. 2016); keeps mean and rstd [rows]. For n = 1 an infinite rstd (eps = 0) is
/// kept as 0: y = beta and dx = 0.
template <class T>
void layer_norm_forward(const RowNorm<T>& facts, double eps, T* y, T* mean, T* rstd);

/// dx = r (g - <g> - xhat <g xhat>); dgamma = sum dy xhat; dbeta = sum dy, over the rows.
template <class T>
void layer_norm_backward(const RowNorm<T>& facts, const T* mean, const T* rstd, const T* dy,
                         const NormGradients<T>& gradients);

/// y = gamma x r + beta with r = 1 / sqrt(<x^2> + eps) (Zhang and Sennrich 2019); keeps r [rows].
template <class T>
void rms_norm_forward(const RowNorm<T>& facts, double eps, T* y, T* rstd);

/// dx = r (g - xhat <g xhat>) with xhat = x r; dgamma = sum dy xhat; dbeta = sum dy.
template <class T>
void rms_norm_backward(const RowNorm<T>& facts, const T* rstd, const T* dy, const NormGradients<T>& gradients);

}  // namespace tapegrad::kernels
