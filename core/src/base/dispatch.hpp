// From a dtype at run time to the C++ type of its elements.
#pragma once

#include <cstdint>

#include "tapegrad/base/dtype.hpp"

namespace tapegrad {

/// f(T{}) with T the type of the elements.
template <class F>
auto with_element(DType dtype, const F& f) {
  switch (dtype) {
    case DType::float32: return f(float{});
    case DType::float64: return f(double{});
    case DType::int64: return f(std::int64_t{});
    case DType::boolean: break;
  }
  return f(bool{});
}

/// The same where f knows numbers alone. REQUIRES: not bool.
template <class F>
auto with_number(DType dtype, const F& f) {
  switch (dtype) {
    case DType::float32: return f(float{});
    case DType::float64: return f(double{});
    case DType::int64:
    case DType::boolean: break;
  }
  return f(std::int64_t{});
}

/// f(T{}) with T float or double. REQUIRES: a floating dtype.
template <class F>
auto with_floating(DType dtype, const F& f) {
  return dtype == float32 ? f(float{}) : f(double{});
}

}  // namespace tapegrad
