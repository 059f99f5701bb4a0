#include "kernels/reduce.hpp"
#include "ops/reduce/arg_extremum.hpp"

namespace tapegrad {

struct ArgMax : ArgExtremumOp<ArgMax> {
  static constexpr std::string_view name = "argmax";
  static constexpr std::string_view math = R"(y_j = \min \{ i \mapsto j : x_i = \max_{k \mapsto j} x_k \})";
  using ArgExtremumOp::ArgExtremumOp;

  Tensor forward(const Tensor& x) const {
    return positions(x, [](const auto* in, const kernels::Slices& slices, std::int64_t* out) {
      kernels::reduce_argmax(in, slices, out);
    });
  }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = \min \{ i : x_i = \max_k x_k \})",
             "of ties the first; a NaN counts as the largest element"},
            {"Cotangent", R"(\bar x = 0)", "an index is piecewise constant: it carries no gradient"}};
  }
};

Tensor argmax(const Tensor& x, Axis axis, bool keepdim) { return ArgMax::over(x, axis, keepdim); }
Tensor argmax(const Tensor& x) { return ArgMax::over_all(x); }

TAPEGRAD_CATALOGUE(reduce, argmax, ArgMax)

}  // namespace tapegrad
