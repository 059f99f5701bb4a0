#include <cmath>
#include <limits>

#include "ops/pointwise/classification.hpp"

namespace tapegrad {

struct IsFinite : Classification<IsFinite> {
  static constexpr std::string_view name = "isfinite";
  static constexpr std::string_view math = R"(y = [\vert x \vert < \infty])";

  template <class T>
  static constexpr bool holds(T x) {
    return std::abs(x) < std::numeric_limits<T>::infinity();
  }
};

Tensor isfinite(const Tensor& x) { return apply(IsFinite{}, x); }

TAPEGRAD_CATALOGUE(pointwise, isfinite, IsFinite)
}  // namespace tapegrad
