#include "ops/reduce/extremum.hpp"
#include "tape/expect.hpp"

namespace tapegrad {

struct Min : ExtremumOp<Min> {
  static constexpr std::string_view name = "min";
  static constexpr std::string_view math =
      R"(y_j = \min_{i \mapsto j} x_i;\quad \bar x_i = \bar y_{j(i)} [x_i = y_{j(i)}] / \#\mathrm{ties})";
  using ExtremumOp::ExtremumOp;

  Tensor forward(const Tensor& x) const {
    expect_elements(x);
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
  static catalogue::Samples samples(Generator& g) {
    catalogue::Samples s = reduction_samples(
        g, [](const Tensor& x, const Axes& axes, bool keepdim) { return tapegrad::min(x, axes, keepdim); });
    s.push_back({"ties",
                 {catalogue::vector64({1.0, 2.0, 2.0, 1.0, 1.0})},
                 catalogue::of([](const Tensor& x) { return tapegrad::min(x); }),
                 {.order = 1, .reason = "a kink", .kink = true}});
    s.push_back({"integers", {tensor({{3, 7}, {-7, 2}}, {.dtype = int64})}, catalogue::of([](const Tensor& x) {
                   return tapegrad::min(x, 0);
                 })});
    s.push_back({"a scalar", {catalogue::uniform(g, {}, -2, 2)}, catalogue::of([](const Tensor& x) {
                   return tapegrad::min(x);
                 })});
    return s;
  }
  static catalogue::ErrorSamples errors() {
    return {{"no elements",
             [] {
               tapegrad::min(zeros({2, 0}), 1);
             },
             "[min] no elements to choose from in [2, 0]"},
            {"axis",
             [] {
               tapegrad::min(zeros({2, 3}), 2);
             },
             "[min] axis 2 is out of range for rank 2"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[512, 512] over axis 1", {catalogue::uniform(g, {512, 512}, -2, 2)}, catalogue::of([](const Tensor& x) {
              return tapegrad::min(x, 1);
            })};
  }
};

Tensor min(const Tensor& x, const Axes& axes, bool keepdim) {
  return apply(Min(axes.set("min", rank_of("min", x)), keepdim), x);
}

TAPEGRAD_CATALOGUE(reduce, min, Min)

}  // namespace tapegrad
