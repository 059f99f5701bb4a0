#include "ops/pointwise/logical.hpp"

namespace tapegrad {

struct LogicalAnd : Logical<LogicalAnd, std::logical_and<>> {
  static constexpr std::string_view name = "logical_and";
  static constexpr std::string_view math = R"(y = a \land b)";
};

Tensor logical_and(const Tensor& a, const Tensor& b) { return apply(LogicalAnd{}, a, b); }

TAPEGRAD_CATALOGUE(pointwise, logical_and, LogicalAnd)
}  // namespace tapegrad
