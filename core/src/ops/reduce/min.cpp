#include "kernels/reduce.hpp"
#include "ops/reduce/extremum.hpp"

namespace tapegrad {

struct Min : ExtremumOp<Min> {
  static constexpr std::string_view name = "min";
  static constexpr std::string_view math =
      R"(y_j = \min_{i \mapsto j} x_i;\quad \bar x_i = \bar y_{j(i)} [x_i = y_{j(i)}] / \#\mathrm{ties})";
  using ExtremumOp::ExtremumOp;

  Tensor forward(const Tensor& x) const {
    expect_choice(x);
    return reduce_numbers(
        x, [](const auto* in, const kernels::Slices& slices, auto* out) { kernels::reduce_min(in, slices, out); });
  }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = \min_i x_i)", "NaN if any element is"},
            {"Without ties", R"(\bar x_i = \bar y\,[i = i^*])", "near x the smallest element alone decides"},
            {"With t ties", R"(\bar x_i = \bar y / t \text{ for each of them})",
             "the supergradients are the convex weights over the ties; equal ones have the least norm"},
            {"NaN", R"(y = \mathrm{NaN} \Rightarrow \bar x = \mathrm{NaN})",
             "no element equals NaN: the share of each is 0 / 0"}};
  }
};

Tensor min(const Tensor& x, const Axes& axes, bool keepdim) { return Min::over(x, axes, keepdim); }

TAPEGRAD_CATALOGUE(reduce, min, Min)

}  // namespace tapegrad
