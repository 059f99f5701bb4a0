// Optimiser updates of many tensors in one parallel sweep, by the rules in base, and what clipping gradients needs.
//
// Updates are elementwise and the sum of squares runs over chunks that follow from the tensors' lengths, combined in
// order: the same bits at any number of threads. Instantiated for float and double.
#pragma once

#include <cstdint>
#include <span>

#include "tapegrad/base/update_rules.hpp"

namespace tapegrad::kernels {

template <class T>
struct AdamTensor {
  T* parameter;
  const T* gradient;
  T* m;      ///< running mean of the gradient, 0 before the first step
  T* v;      ///< running mean of its square, 0 before the first step
  T* v_max;  ///< the largest v so far, 0 before the first step; null without AMSGrad
  std::int64_t n;
};

template <class T>
void adam_update(std::span<const AdamTensor<T>> tensors, const AdamRule& rule);

template <class T>
struct SgdTensor {
  T* parameter;
  const T* gradient;
  T* velocity;  ///< 0 before the first step; null when momentum is 0
  std::int64_t n;
};

template <class T>
void sgd_update(std::span<const SgdTensor<T>> tensors, const SGDRule& rule);

template <class T>
struct RmsTensor {
  T* parameter;
  const T* gradient;
  T* v;         ///< running mean, or sum, of the gradient's square
  T* mean;      ///< running mean of the gradient; null where not centred
  T* velocity;  ///< 0 before the first step; null when momentum is 0
  std::int64_t n;
};

template <class T>
void rms_update(std::span<const RmsTensor<T>> tensors, const RMSRule& rule);

/// T is const where elements are read only.
template <class T>
struct GradientTensor {
  T* gradient;
  std::int64_t n;
};

/// Sum of g^2 over all tensors, in double precision: the square of the gradients' global norm.
template <class T>
double sum_of_squares(std::span<const GradientTensor<const T>> tensors);

/// g *= factor, in place.
template <class T>
void scale_gradients(std::span<const GradientTensor<T>> tensors, double factor);

/// g = min(max(g, -limit), limit), in place; NaN stays. Returns the largest |g| there was, NaN aside.
template <class T>
double clamp_gradients(std::span<const GradientTensor<T>> tensors, double limit);

}  // namespace tapegrad::kernels
