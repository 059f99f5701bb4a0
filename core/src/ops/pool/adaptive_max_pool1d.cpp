#include "ops/pool/pool_op.hpp"

namespace tapegrad {

struct AdaptiveMaxPool1d : MaxPoolOp<AdaptiveMaxPool1d, AdaptiveWindows> {
  static constexpr std::string_view name = "adaptive_max_pool1d";
  static constexpr std::string_view math =
      R"(y_i = x_{k_i},\ k_i = \mathrm{argmax}_{j \in W_i}\, x_j,\ W_i = \left[\lfloor i L / T \rfloor,\ \lceil (i + 1) L / T \rceil\right);\quad \bar x_j = \sum_{i:\, k_i = j} \bar y_i)";
  using MaxPoolOp::MaxPoolOp;

  static catalogue::Derivation derivation() {
    return {
        {"Definition",
         R"(k_i = \mathrm{argmax}_{j \in W_i}\, x_j,\quad y_i = x_{k_i},\quad W_i = \left[\lfloor i L / T \rfloor,\ \lceil (i + 1) L / T \rceil\right))",
         "T windows cover L positions; of ties the first is chosen"},
        {"Cotangent", R"(\bar x_j = \sum_i \bar y_i\, [k_i = j])",
         "a gather, whose adjoint scatters; a position that two windows share and that is the largest of both "
         "collects from both"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::scattered;
    const auto to = [](std::int64_t size) {
      return catalogue::of([=](const Tensor& x) { return adaptive_max_pool1d_with_indices(x, size); });
    };
    return {{"divides", {scattered(g, {2, 2, 6}, -2, 2)}, to(3)},
            {"does not divide", {scattered(g, {2, 2, 7}, -2, 2)}, to(3)},
            {"more than there are", {scattered(g, {2, 3}, -2, 2)}, to(5)},
            {"ties", {catalogue::vector64({1.0, 2.0, 2.0})}, to(1), {.order = 1, .reason = "a kink", .kink = true}},
            {"no sequences", {scattered(g, {0, 2, 5}, -2, 2)}, to(2)}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"output size", [] { (void)adaptive_max_pool1d(zeros({4}), 0); },
             "[adaptive_max_pool1d] expected an output size of at least 1, got 0"},
            {"no positions",
             [] {
               (void)adaptive_max_pool1d(zeros({2, 3, 0}), 1);
             },
             "[adaptive_max_pool1d] expected x [.., L] with positions, got [2, 3, 0]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[16, 64, 96] to 20", {catalogue::uniform(g, {16, 64, 96}, -2, 2)}, catalogue::of([](const Tensor& x) {
              return adaptive_max_pool1d(x, 20);
            })};
  }
};

ValuesAndIndices adaptive_max_pool1d_with_indices(const Tensor& x, std::int64_t output_size) {
  return named(pool<AdaptiveMaxPool1d>(x, AdaptiveWindows{output_size}));
}

Tensor adaptive_max_pool1d(const Tensor& x, std::int64_t output_size) {
  return adaptive_max_pool1d_with_indices(x, output_size).values;
}

TAPEGRAD_CATALOGUE(pool, adaptive_max_pool1d, AdaptiveMaxPool1d)

}  // namespace tapegrad
