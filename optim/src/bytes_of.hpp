#pragma once

#include <cstddef>
#include <span>

#include "tapegrad/tape/tensor.hpp"

namespace tapegrad::optim {

/// Where the elements of a contiguous floating tensor lie.
inline std::span<const std::byte> bytes_of(const Tensor& x) {
  return x.dtype() == float32 ? std::as_bytes(x.data<float>()) : std::as_bytes(x.data<double>());
}

}  // namespace tapegrad::optim
