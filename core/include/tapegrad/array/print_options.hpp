// How the elements of a tensor print.
#pragma once

#include <cstdint>

namespace tapegrad {

/// NumPy's names and defaults, but for the precision (NumPy's is 8).
struct PrintOptions {
  int precision = 4;              ///< most digits behind the point; trailing zeros are left out
  std::int64_t threshold = 1000;  ///< elements above which the middle of long dimensions is left out
  std::int64_t edge_items = 3;    ///< elements shown at each end of such a dimension
  int line_width = 75;            ///< columns
};

}  // namespace tapegrad
