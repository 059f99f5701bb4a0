// Many numbers of a random stream at once: the same as RandomStream gives one by one. REQUIRES: the stream's numbers
// end before 2^64.
//
// Number i depends on (key, offset + i) alone: the same at any number of threads and on every instruction set.
#pragma once

#include <cstdint>

#include "tapegrad/base/random.hpp"

namespace tapegrad::kernels {

/// y_i = stream.uniform32(i), in double precision uniform64(i), for i < n.
template <class T>
void fill_uniform(const RandomStream& stream, std::int64_t n, T* y);

/// y_i = stream.normal(i), rounded to T, for i < n.
template <class T>
void fill_normal(const RandomStream& stream, std::int64_t n, T* y);

}  // namespace tapegrad::kernels
