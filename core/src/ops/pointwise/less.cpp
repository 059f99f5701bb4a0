#include "ops/pointwise/comparison.hpp"

namespace tapegrad {

struct Less : Comparison<Less, std::less<>> {
  static constexpr std::string_view name = "less";
  static constexpr std::string_view math = R"(y = (a < b))";
};

Tensor less(const Tensor& a, const Tensor& b) { return apply(Less{}, a, b); }

TAPEGRAD_CATALOGUE(pointwise, less, Less)
}  // namespace tapegrad
