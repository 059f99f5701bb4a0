#include "ops/pool/pool_op.hpp"

namespace tapegrad {

struct AdaptiveAvgPool1d : MeanPoolOp<AdaptiveAvgPool1d, AdaptiveWindows> {
  static constexpr std::string_view name = "adaptive_avg_pool1d";
  static constexpr std::string_view math =
      R"(y_i = \frac{1}{|W_i|} \sum_{j \in W_i} x_j,\ W_i = \left[\lfloor i L / T \rfloor,\ \lceil (i + 1) L / T \rceil\right);\quad \bar x_j = \sum_{i:\, j \in W_i} \frac{\bar y_i}{|W_i|})";
  using MeanPoolOp::MeanPoolOp;

  static catalogue::Derivation derivation() {
    return {
        {"Definition",
         R"(y_i = \frac{1}{|W_i|} \sum_{j \in W_i} x_j,\quad W_i = \left[\lfloor i L / T \rfloor,\ \lceil (i + 1) L / T \rceil\right))",
         "T windows cover L positions; neighbours share a position where $(i + 1) L / T$ is not whole, and sizes "
         "differ by one at most"},
        {"Transpose", R"(\bar x_j = \sum_{i:\, j \in W_i} \frac{\bar y_i}{|W_i|})",
         "each position is in one window or two (in more where T > L), each with its own size"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto to = [](std::int64_t size) {
      return catalogue::of([=](const Tensor& x) { return adaptive_avg_pool1d(x, size); });
    };
    return {{"divides", {uniform(g, {2, 2, 6}, -2, 2)}, to(3)},
            {"does not divide", {uniform(g, {2, 2, 7}, -2, 2)}, to(3)},
            {"one", {uniform(g, {2, 5}, -2, 2)}, to(1)},
            {"more than there are", {uniform(g, {2, 3}, -2, 2)}, to(5)},
            {"no sequences", {uniform(g, {0, 2, 5}, -2, 2)}, to(2)}};
  }
  static catalogue::ErrorSamples errors() {
    return {{"output size", [] { (void)adaptive_avg_pool1d(zeros({4}), 0); },
             "[adaptive_avg_pool1d] expected an output size of at least 1, got 0"},
            {"no positions",
             [] {
               (void)adaptive_avg_pool1d(zeros({2, 3, 0}), 1);
             },
             "[adaptive_avg_pool1d] expected x [.., L] with positions, got [2, 3, 0]"},
            {"integers", [] { (void)adaptive_avg_pool1d(arange(8), 2); },
             "[adaptive_avg_pool1d] expected a floating tensor, got int64 [8]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[16, 64, 96] to 20", {catalogue::uniform(g, {16, 64, 96}, -2, 2)}, catalogue::of([](const Tensor& x) {
              return adaptive_avg_pool1d(x, 20);
            })};
  }
};

Tensor adaptive_avg_pool1d(const Tensor& x, std::int64_t output_size) {
  return pool<AdaptiveAvgPool1d>(x, AdaptiveWindows{output_size});
}

TAPEGRAD_CATALOGUE(pool, adaptive_avg_pool1d, AdaptiveAvgPool1d)

}  // namespace tapegrad
