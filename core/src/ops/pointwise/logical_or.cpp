#include "ops/pointwise/logical.hpp"

namespace tapegrad {

struct LogicalOr : Logical<LogicalOr, std::logical_or<>> {
  static constexpr std::string_view name = "logical_or";
  static constexpr std::string_view math = R"(y = a \lor b)";
};

Tensor logical_or(const Tensor& a, const Tensor& b) { return apply(LogicalOr{}, a, b); }

TAPEGRAD_CATALOGUE(pointwise, logical_or, LogicalOr)
}  // namespace tapegrad
