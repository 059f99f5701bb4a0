#include "ops/pointwise/comparison.hpp"

namespace tapegrad {

struct NotEqual : Comparison<NotEqual, std::not_equal_to<>> {
  static constexpr std::string_view name = "not_equal";
  static constexpr std::string_view math = R"(y = (a \ne b))";
};

Tensor not_equal(const Tensor& a, const Tensor& b) { return apply(NotEqual{}, a, b); }

TAPEGRAD_CATALOGUE(pointwise, not_equal, NotEqual)
}  // namespace tapegrad
