#include "ops/pointwise/classification.hpp"

namespace tapegrad {

struct IsInfPredicate {
  template <class T>
  static constexpr bool holds(T x) {
    return std::abs(x) == std::numeric_limits<T>::infinity();
  }
};

struct IsInf : Classification<IsInf, IsInfPredicate> {
  static constexpr std::string_view name = "isinf";
  static constexpr std::string_view math = R"(y = [\vert x \vert = \infty])";
};

Tensor isinf(const Tensor& x) { return apply(IsInf{}, x); }

TAPEGRAD_CATALOGUE(pointwise, isinf, IsInf)
}  // namespace tapegrad
