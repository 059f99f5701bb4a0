// Pairs of features, turned by an angle of their own at each position: rotary embedding (Su et al. 2021).
#pragma once

#include <cstdint>

#include "kernels/attention.hpp"

namespace tapegrad::kernels {

template <class T>
struct Rotation {
  std::int64_t batch = 0;
  std::int64_t heads = 0;
  std::int64_t length = 0;
  std::int64_t width = 0;      ///< even
  bool halves = false;         ///< whether features lie half a row from their partners, and not beside them
  const T* cosines = nullptr;  ///< [length, width]: of each feature's angle
  const T* sines = nullptr;    ///< [length, width]: that of the first feature of a pair is the negative one
};

/// y_c = cosine_c x_c + sine_c x_d at each position, d the partner of c. x and y [batch, heads, length, width] with
/// dense rows, apart from each other. Instantiated for float and double.
template <class T>
void rotate(const Rotation<T>& facts, const Heads<const T>& x, const Heads<T>& y);

}  // namespace tapegrad::kernels
