// A dimension cut into consecutive ranges: what cat joins and split takes apart.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "ops/view/axis_range.hpp"

namespace tapegrad {

struct Sections {
  int axis = 0;
  std::vector<std::int64_t> ends;  // of each section along the axis

  explicit Sections(int d) : axis(d) {}

  /// REQUIRES: the whole fits in 64 bits.
  void add(std::int64_t size) { ends.push_back(whole() + size); }
  std::int64_t whole() const { return ends.empty() ? 0 : ends.back(); }
  std::size_t count() const { return ends.size(); }
  AxisRange range(std::size_t i) const {
    const std::int64_t start = i == 0 ? 0 : ends[i - 1];
    return {.axis = axis, .start = start, .count = ends[i] - start};
  }
};

}  // namespace tapegrad
