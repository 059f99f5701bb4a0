#include "ops/pointwise/comparison.hpp"

namespace tapegrad {

struct GreaterEqual : Comparison<GreaterEqual, std::greater_equal<>> {
  static constexpr std::string_view name = "greater_equal";
  static constexpr std::string_view math = R"(y = (a \ge b))";
};

Tensor greater_equal(const Tensor& a, const Tensor& b) { return apply(GreaterEqual{}, a, b); }

TAPEGRAD_CATALOGUE(pointwise, greater_equal, GreaterEqual)
}  // namespace tapegrad
