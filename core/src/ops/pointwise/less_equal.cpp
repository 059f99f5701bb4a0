#include "ops/pointwise/comparison.hpp"

namespace tapegrad {

struct LessEqual : Comparison<LessEqual, std::less_equal<>> {
  static constexpr std::string_view name = "less_equal";
  static constexpr std::string_view math = R"(y = (a \le b))";
};

Tensor less_equal(const Tensor& a, const Tensor& b) { return apply(LessEqual{}, a, b); }

TAPEGRAD_CATALOGUE(pointwise, less_equal, LessEqual)
}  // namespace tapegrad
