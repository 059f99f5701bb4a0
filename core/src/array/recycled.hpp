// Standard containers in memory that is recycled.
#pragma once

#include <cstddef>
#include <vector>

#include "array/allocator.hpp"

namespace tapegrad::array {

/// What a container asks for memory. The system's allocator gives the end of its memory back whenever a long list dies,
/// and the next one pays for fresh pages.
template <class T>
struct Recycled {
  using value_type = T;

  Recycled() = default;
  template <class Other>
  Recycled(const Recycled<Other>&) noexcept {}

  static_assert(alignof(T) <= kAlignment);
  T* allocate(std::size_t count) { return static_cast<T*>(array::allocate(count * sizeof(T))); }
  void deallocate(T* list, std::size_t count) noexcept { array::deallocate(list, count * sizeof(T)); }

  friend bool operator==(const Recycled&, const Recycled&) { return true; }
};

template <class T>
using RecycledVector = std::vector<T, Recycled<T>>;

}  // namespace tapegrad::array
