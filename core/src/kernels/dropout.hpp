// Dropout: one number of a random stream per element, drawn again whenever it is needed.
//
// Element i depends on (key, offset + i) alone: the same at any number of threads and on every instruction set.
#pragma once

#include <cmath>
#include <cstdint>

#include "tapegrad/base/random.hpp"

namespace tapegrad::kernels {

/// The least bits of a number whose uniform64 is at least p: that is floor(bits / 2^11) / 2^53.
inline std::uint64_t dropout_threshold(double p) {
  return static_cast<std::uint64_t>(std::ceil(std::ldexp(p, 53))) << 11;
}

/// y_i = x_i / (1 - p) where stream.uniform64(i) >= p, else 0. y may be x. Instantiated for float and double.
template <class T>
void dropout(const T* x, std::int64_t n, const RandomStream& stream, double p, T* y);

}  // namespace tapegrad::kernels
