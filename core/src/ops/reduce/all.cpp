#include "kernels/reduce.hpp"
#include "ops/reduce/truth_op.hpp"

namespace tapegrad {

struct All : TruthOp<All> {
  static constexpr std::string_view name = "all";
  static constexpr std::string_view math = R"(y_j = x_{i_1} \land x_{i_2} \land \ldots,\ i_k \mapsto j)";
  using TruthOp::TruthOp;

  Tensor forward(const Tensor& x) const {
    return truth(
        x, [](const bool* in, const kernels::Slices& slices, bool* out) { kernels::reduce_all(in, slices, out); });
  }

  static catalogue::Derivation derivation() {
    return {{"Definition", math, "true where no element is false; of none: true; no gradient"}};
  }
};

Tensor all(const Tensor& x, const Axes& axes, bool keepdim) { return All::over(x, axes, keepdim); }

TAPEGRAD_CATALOGUE(reduce, all, All)

}  // namespace tapegrad
