// From a dtype at run time to a C++ type.
#pragma once

#include "tapegrad/base/dtype.hpp"

namespace tapegrad {

/// f(T{}) with T float or double. REQUIRES: a floating dtype.
template <class F>
auto with_floating(DType dtype, const F& f) {
  return dtype == float32 ? f(float{}) : f(double{});
}

}  // namespace tapegrad
