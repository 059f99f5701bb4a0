// What a kernel that goes along rows is given of them.
#pragma once

#include <cstdint>

namespace tapegrad::kernels {

/// A range of rows of [.., n].
struct RowRange {
  std::int64_t begin, end, n;
};

}  // namespace tapegrad::kernels
