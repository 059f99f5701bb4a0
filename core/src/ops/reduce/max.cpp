#include "kernels/reduce.hpp"
#include "ops/reduce/extremum.hpp"

namespace tapegrad {

struct Max : ExtremumOp<Max> {
  static constexpr std::string_view name = "max";
  static constexpr std::string_view math =
      R"(y_j = \max_{i \mapsto j} x_i;\quad \bar x_i = \bar y_{j(i)} [x_i = y_{j(i)}] / \#\mathrm{ties})";
  using ExtremumOp::ExtremumOp;

  Tensor forward(const Tensor& x) const {
    expect_choice(x);
    return reduce_numbers(
        x, [](const auto* in, const kernels::Slices& slices, auto* out) { kernels::reduce_max(in, slices, out); });
  }

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(y = \max_i x_i)", "NaN if any element is"},
            {"Without ties", R"(\bar x_i = \bar y\,[i = i^*])", "near x the largest element alone decides"},
            {"With t ties", R"(\bar x_i = \bar y / t \text{ for each of them})",
             "the subgradients are the convex weights over the ties; equal ones have the least norm"},
            {"NaN", R"(y = \mathrm{NaN} \Rightarrow \bar x = \mathrm{NaN})",
             "no element equals NaN: the share of each is 0 / 0"}};
  }
};

Tensor max(const Tensor& x, const Axes& axes, bool keepdim) { return Max::over(x, axes, keepdim); }

TAPEGRAD_CATALOGUE(reduce, max, Max)

}  // namespace tapegrad
