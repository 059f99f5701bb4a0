#include "ops/pointwise/classification.hpp"

namespace tapegrad {

struct IsNan : Classification<IsNan> {
  static constexpr std::string_view name = "isnan";
  static constexpr std::string_view math = R"(y = [x \ne x])";

  template <class T>
  static constexpr bool holds(T x) {
    return x != x;
  }
};

Tensor isnan(const Tensor& x) { return apply(IsNan{}, x); }

TAPEGRAD_CATALOGUE(pointwise, isnan, IsNan)
}  // namespace tapegrad
