#include "ops/pointwise/comparison.hpp"

namespace tapegrad {

struct Equal : Comparison<Equal, std::equal_to<>> {
  static constexpr std::string_view name = "equal";
  static constexpr std::string_view math = R"(y = (a = b))";
};

Tensor equal(const Tensor& a, const Tensor& b) { return apply(Equal{}, a, b); }

TAPEGRAD_CATALOGUE(pointwise, equal, Equal)
}  // namespace tapegrad
