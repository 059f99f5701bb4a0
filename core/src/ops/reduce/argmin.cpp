#include "kernels/reduce.hpp"
#include "ops/reduce/arg_extremum.hpp"

namespace tapegrad {

struct ArgMin : ArgExtremumOp<ArgMin> {
  static constexpr std::string_view name = "argmin";
  static constexpr std::string_view math = R"(y_j = \min \{ i \mapsto j : x_i = \min_{k \mapsto j} x_k \})";
  using ArgExtremumOp::ArgExtremumOp;

  Tensor forward(const Tensor& x) const {
    return positions(x, [](const auto* in, const kernels::Slices& slices, std::int64_t* out) {
      kernels::reduce_argmin(in, slices, out);
    });
  }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = \min \{ i : x_i = \min_k x_k \})",
             "of ties the first; a NaN counts as the smallest element"},
            {"Cotangent", R"(\bar x = 0)", "an index is piecewise constant: it carries no gradient"}};
  }
};

Tensor argmin(const Tensor& x, Axis axis, bool keepdim) { return ArgMin::over(x, axis, keepdim); }
Tensor argmin(const Tensor& x) { return ArgMin::over_all(x); }

TAPEGRAD_CATALOGUE(reduce, argmin, ArgMin)

}  // namespace tapegrad
