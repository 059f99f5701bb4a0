// Optimiser updates of many tensors in one parallel sweep, with PyTorch's definitions, and what clipping gradients
// needs.
//
// Updates are elementwise and the sum of squares runs over chunks that follow from the tensors' lengths, combined in
// order: the same bits at any number of threads. Instantiated for float and double.
#pragma once

#include <cstdint>
#include <span>

namespace tapegrad::kernels {

template <class T>
struct AdamTensor {
  T* parameter;
  const T* gradient;
  T* m;  ///< running mean of the gradient, 0 before the first step
  T* v;  ///< running mean of its square, 0 before the first step
  std::int64_t n;
};

struct AdamSettings {
  double learning_rate = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;
  bool decoupled = true;  ///< AdamW: p -= lr wd p; else L2: g += wd p
  std::int64_t step = 1;  ///< the number of this update, from 1
};

/// m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2;
/// p -= lr / (1 - beta1^step) m / (sqrt(v / (1 - beta2^step)) + eps) (Kingma and Ba 2015; Loshchilov and Hutter 2019).
template <class T>
void adam_update(std::span<const AdamTensor<T>> tensors, const AdamSettings& settings);

template <class T>
struct SgdTensor {
  T* parameter;
  const T* gradient;
  T* velocity;  ///< 0 before the first step; null when momentum is 0
  std::int64_t n;
};

struct SgdSettings {
  double learning_rate = 1e-3;
  double momentum = 0;
  double gradient_share = 1;  ///< 1 - dampening, but 1 in the first step
  double weight_decay = 0;
  bool nesterov = false;
};

/// g += wd p; velocity = momentum velocity + gradient_share g; p -= lr velocity, or lr (g + momentum velocity) for
/// Nesterov's form; without momentum p -= lr g.
template <class T>
void sgd_update(std::span<const SgdTensor<T>> tensors, const SgdSettings& settings);

template <class T>
struct GradientTensor {
  T* gradient;
  std::int64_t n;
};

/// Sum of g^2 over all tensors, in double precision: the square of the gradients' global norm.
template <class T>
double sum_of_squares(std::span<const GradientTensor<T>> tensors);

/// g *= factor, in place.
template <class T>
void scale_gradients(std::span<const GradientTensor<T>> tensors, double factor);

/// g = min(max(g, -limit), limit), in place; NaN stays. Returns the largest |g| there was, NaN aside.
template <class T>
double clamp_gradients(std::span<const GradientTensor<T>> tensors, double limit);

}  // namespace tapegrad::kernels
