#include <cmath>
#include <limits>

#include "ops/pointwise/classification.hpp"

namespace tapegrad {

struct IsInf : Classification<IsInf> {
  static constexpr std::string_view name = "isinf";
  static constexpr std::string_view math = R"(y = [\vert x \vert = \infty])";

  template <class T>
  static constexpr bool holds(T x) {
    return std::abs(x) == std::numeric_limits<T>::infinity();
  }
};

Tensor isinf(const Tensor& x) { return apply(IsInf{}, x); }

TAPEGRAD_CATALOGUE(pointwise, isinf, IsInf)
}  // namespace tapegrad
