// What an array's elements lie between, and what among them is not finite.
#pragma once

#include <cstdint>
#include <string>

#include "array/array.hpp"

namespace tapegrad::array {

struct Range {
  double least = 0.0;  // of the finite elements
  double greatest = 0.0;
  std::int64_t count = 0;  // of all elements
  std::int64_t nans = 0;
  std::int64_t infinities = 0;

  bool finite() const { return nans == 0 && infinities == 0; }
};

Range range_of(const Array& a);

/// "in [-1, 4]", "1 NaN and 2 inf of 6, the rest in [-1, 4]", "all 6 NaN", "without elements".
std::string to_string(const Range& range);

}  // namespace tapegrad::array
