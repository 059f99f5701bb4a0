// Updates of many tensors at once, in place, from which optimisers are built. Nothing here is recorded.
//
// A tape that still needs an old value throws in its sweep, and names `writer`, which must outlive the tensors (a
// literal). Results are the same to the bit at any number of threads. All calls throw DTypeError for tensors that are
// not floating, ShapeError when the tensors of one term differ in shape or what is written is not contiguous, and
// TapeError when what is written is tracked by a recording tape; adam_update and clamp_in_place throw ValueError
// besides. Where one throws, nothing has been written.
#pragma once

#include <span>

#include "tapegrad/base/update_rules.hpp"
#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// One parameter in an update by Adam. All of one shape and dtype.
struct AdamTerm {
  Tensor parameter;
  Tensor gradient;
  Tensor m;      ///< running mean of the gradient: zeros before the first step
  Tensor v;      ///< running mean of its square: zeros before the first step
  Tensor v_max;  ///< the largest v so far: zeros before the first step; undefined without AMSGrad
};

/// Moves every parameter and its running means by the rule. Throws ValueError for a step below 1: the running means
/// would be divided by 1 - beta^0 = 0.
void adam_update(std::span<const AdamTerm> terms, const AdamRule& rule, const char* writer = "adam_update");

/// One parameter in a step down the gradient.
struct SGDTerm {
  Tensor parameter;
  Tensor gradient;
  Tensor velocity;  ///< zeros before the first step; undefined without momentum
};

/// Moves every parameter and its velocity by the rule.
void sgd_update(std::span<const SGDTerm> terms, const SGDRule& rule, const char* writer = "sgd_update");

/// One parameter in a step of RMSprop or Adagrad.
struct RMSTerm {
  Tensor parameter;
  Tensor gradient;
  Tensor v;         ///< running mean, or sum, of the gradient's square; its initial value before the first step
  Tensor mean;      ///< running mean of the gradient: zeros before the first step; undefined where not centred
  Tensor velocity;  ///< zeros before the first step; undefined without momentum
};

/// Moves every parameter and what is remembered about it by the rule.
void rms_update(std::span<const RMSTerm> terms, const RMSRule& rule, const char* writer = "rms_update");

/// The Euclidean norm of all elements of all tensors together, in double precision.
double global_norm(std::span<const Tensor> tensors);

/// x *= factor, in place.
void scale_in_place(std::span<const Tensor> tensors, double factor, const char* writer = "scale_in_place");

/// x = min(max(x, -limit), limit), in place; NaN stays. Returns the largest magnitude before, NaN aside. Throws
/// ValueError for a limit that is negative or NaN.
double clamp_in_place(std::span<const Tensor> tensors, double limit, const char* writer = "clamp_in_place");

}  // namespace tapegrad
