#include "ops/reduce/extremum_with_indices.hpp"

namespace tapegrad {

struct MaxWithIndices : ExtremumWithIndicesOp<MaxWithIndices> {
  static constexpr std::string_view name = "max_with_indices";
  static constexpr std::string_view math =
      R"(y_j = x_{k_j},\ k_j = \mathrm{argmax}_{i \mapsto j}\, x_i;\quad \bar x_i = \bar y_{j(i)} [i = k_{j(i)}])";
  using ExtremumWithIndicesOp::ExtremumWithIndicesOp;

  static Tensor places(const Tensor& x, int d) { return argmax(x, d, true); }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(k_j = \mathrm{argmax}_i\, x_i,\quad y_j = x_{k_j})", "of ties the first"},
            {"Cotangent", R"(\bar x_i = \sum_j \bar y_j [i = k_j])",
             "the index is locally constant, so y is a gather: its adjoint scatters"}};
  }
};

ValuesAndIndices max_with_indices(const Tensor& x, Axis axis, bool keepdim) {
  return MaxWithIndices::along(x, axis, keepdim);
}

TAPEGRAD_CATALOGUE(reduce, max_with_indices, MaxWithIndices)

}  // namespace tapegrad
