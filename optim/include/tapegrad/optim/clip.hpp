// Clipping of gradients, between backward() and step().
#pragma once

#include <vector>

#include "tapegrad/tape/tensor.hpp"

namespace tapegrad::optim {

/// Scales the gradients of all parameters together by max_norm / (norm + 1e-6) when that is below 1, where norm is the
/// Euclidean norm of all of them as one vector, and returns that norm as it was before (Pascanu, Mikolov, Bengio, ICML
/// 2013; PyTorch's constants). The norm of finite gradients that leaves the range of double is returned as infinite,
/// and they are scaled all the same. Where an element is infinite or NaN, one at least is so afterwards: look at what
/// is returned. Parameters without a gradient are left out; one that is named twice counts once. Throws ValueError for
/// a max_norm that is not positive.
double clip_grad_norm(const std::vector<Tensor>& parameters, double max_norm);

/// Clamps every element of every gradient to [-limit, limit] and returns the largest magnitude that there was, NaN
/// aside. Throws ValueError for a limit that is not positive.
double clip_grad_value(const std::vector<Tensor>& parameters, double limit);

}  // namespace tapegrad::optim
