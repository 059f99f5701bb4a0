#include "kernels/reduce.hpp"
#include "ops/reduce/truth_op.hpp"

namespace tapegrad {

struct Any : TruthOp<Any> {
  static constexpr std::string_view name = "any";
  static constexpr std::string_view math = R"(y_j = x_{i_1} \lor x_{i_2} \lor \ldots,\ i_k \mapsto j)";
  using TruthOp::TruthOp;

  Tensor forward(const Tensor& x) const {
    return truth(
        x, [](const bool* in, const kernels::Slices& slices, bool* out) { kernels::reduce_any(in, slices, out); });
  }

  static catalogue::Derivation derivation() {
    return {{"Definition", math, "true where one element is; of none: false; no gradient"}};
  }
};

Tensor any(const Tensor& x, const Axes& axes, bool keepdim) { return Any::over(x, axes, keepdim); }

TAPEGRAD_CATALOGUE(reduce, any, Any)

}  // namespace tapegrad
