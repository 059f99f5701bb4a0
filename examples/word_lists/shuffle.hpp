// A random order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "tapegrad/base/random.hpp"

namespace word_lists {

/// Every order is as likely (Fisher and Yates).
template <class T>
void shuffle(std::span<T> items, tapegrad::Generator& generator) {
  for (std::size_t i = items.size(); i > 1; --i) {
    const auto other = static_cast<std::size_t>(generator.below(static_cast<std::int64_t>(i)));
    std::swap(items[i - 1], items[other]);
  }
}

}  // namespace word_lists
