// Optimisers' updates of many tensors at once, in place: what an optimiser is made of. Nothing here is recorded.
//
// Each call moves the versions of what it writes; `writer` names who wrote in the error that a stale tape then raises,
// and must be a text that outlives the tensors (a literal). Results are the same to the bit at any number of threads.
// All calls throw DTypeError for tensors that are not floating, ShapeError when the tensors of one term differ in shape
// or what is written is not contiguous, and TapeError when what is written is tracked by a recording tape;
// clamp_in_place throws ValueError besides. Where one throws, nothing has been written.
#pragma once

#include <cstdint>
#include <span>

#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// One parameter in an update by Adam. All of one shape and dtype.
struct AdamTerm {
  Tensor parameter;
  Tensor gradient;
  Tensor m;  ///< running mean of the gradient: zeros before the first step
  Tensor v;  ///< running mean of its square: zeros before the first step
};

struct AdamRule {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0.0;
  bool decoupled = false;  ///< AdamW: the decay shrinks the parameter; else it is added to the gradient
  std::int64_t step = 1;   ///< the number of this update, from 1
};

/// m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;
/// p -= lr (m / (1 - beta1^step)) / (sqrt(v / (1 - beta2^step)) + eps),
/// with g += weight_decay p before, or, decoupled, p -= lr weight_decay p.
/// An m below 2^-100 (2^-960 for float64) becomes 0: where gradients have stopped it would end as a subnormal number,
/// which makes every later step slow.
/// Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1; Loshchilov and Hutter,
/// "Decoupled weight decay regularization", ICLR 2019, algorithm 2.
void adam_update(std::span<const AdamTerm> terms, const AdamRule& rule, const char* writer = "adam_update");

/// One parameter in a step down the gradient.
struct SgdTerm {
  Tensor parameter;
  Tensor gradient;
  Tensor velocity;  ///< zeros before the first step; undefined without momentum
};

struct SgdRule {
  double lr = 1e-3;
  double momentum = 0.0;
  double gradient_share = 1.0;  ///< of the gradient in the velocity: 1 - dampening
  double weight_decay = 0.0;
  bool nesterov = false;
};

/// g += weight_decay p;  velocity = momentum velocity + gradient_share g;  p -= lr velocity, or
/// p -= lr (g + momentum velocity) in Nesterov's form (Sutskever, Martens, Dahl, Hinton, ICML 2013), or p -= lr g
/// without velocity. A velocity as small as adam_update's m becomes 0 too.
void sgd_update(std::span<const SgdTerm> terms, const SgdRule& rule, const char* writer = "sgd_update");

/// The Euclidean norm of all elements of all tensors together, in double precision.
double global_norm(std::span<const Tensor> tensors);

/// x *= factor, in place.
void scale_in_place(std::span<const Tensor> tensors, double factor, const char* writer = "scale_in_place");

/// x = min(max(x, -limit), limit), in place; NaN stays. Returns the largest magnitude there was, NaN aside.
double clamp_in_place(std::span<const Tensor> tensors, double limit, const char* writer = "clamp_in_place");

}  // namespace tapegrad
