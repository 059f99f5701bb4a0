#include "ops/pointwise/comparison.hpp"

namespace tapegrad {

struct Greater : Comparison<Greater, std::greater<>> {
  static constexpr std::string_view name = "greater";
  static constexpr std::string_view math = R"(y = (a > b))";
};

Tensor greater(const Tensor& a, const Tensor& b) { return apply(Greater{}, a, b); }

TAPEGRAD_CATALOGUE(pointwise, greater, Greater)
}  // namespace tapegrad
