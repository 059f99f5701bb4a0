// Whether tensors are the same to the bit: what repeatability means.
#pragma once

#include <vector>

#include "tapegrad/tape/tensor.hpp"

namespace tapegrad {

/// Same shape, same dtype, same bits: a NaN is the same as itself, 0 and -0 differ. Undefined tensors are the same.
[[nodiscard]] bool same_bits(const Tensor& a, const Tensor& b);

/// The same number of tensors, each the same to the bit as the other list's.
[[nodiscard]] bool same_bits(const std::vector<Tensor>& a, const std::vector<Tensor>& b);

}  // namespace tapegrad
