#include "ops/pointwise/classification.hpp"

namespace tapegrad {

struct IsNanPredicate {
  template <class T>
  static constexpr bool holds(T x) {
    return x != x;
  }
};

struct IsNan : Classification<IsNan, IsNanPredicate> {
  static constexpr std::string_view name = "isnan";
  static constexpr std::string_view math = R"(y = [x \ne x])";
};

Tensor isnan(const Tensor& x) { return apply(IsNan{}, x); }

TAPEGRAD_CATALOGUE(pointwise, isnan, IsNan)
}  // namespace tapegrad
