#include "ops/pool/pool_op.hpp"

namespace tapegrad {

struct AvgPool1d : MeanPoolOp<AvgPool1d, SlidingWindows> {
  static constexpr std::string_view name = "avg_pool1d";
  static constexpr std::string_view math =
      R"(y_i = \frac{1}{n_i} \sum_{j \in W_i} x_j,\ W_i = [i s - p,\ i s - p + k);\quad \bar x_j = \sum_{i:\, j \in W_i} \frac{\bar y_i}{n_i})";
  using MeanPoolOp::MeanPoolOp;

  static catalogue::Derivation derivation() {
    return {
        {"Definition", R"(y_i = \frac{1}{n_i} \sum_{j \in W_i} x_j,\quad W_i = [i s - p,\ i s - p + k))",
         "windows of k positions with stride s and padding p; positions outside the sequence count 0; $n_i$ is the "
         "number of positions within the padded sequence (k, but for a last window that ceil_mode lets reach beyond "
         "it), or with count_include_pad off within the sequence"},
        {"Transpose", R"(\bar x_j = \sum_{i:\, j \in W_i} \frac{\bar y_i}{n_i})",
         "y is linear in x with coefficient $1/n_i$: a position collects from each window that holds it, several where "
         "$s < k$, none where $s > k$ leaves it out"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::uniform;
    const auto with = [](std::int64_t kernel, const AvgPool1dOptions& options = {}) {
      return catalogue::of([=](const Tensor& x) { return avg_pool1d(x, kernel, options); });
    };
    return {{"side by side", {uniform(g, {2, 2, 6}, -2, 2)}, with(2)},
            {"overlapping", {uniform(g, {2, 2, 6}, -2, 2)}, with(3, {.stride = 1})},
            {"gaps", {uniform(g, {2, 7}, -2, 2)}, with(2, {.stride = 3})},
            {"padding", {uniform(g, {2, 2, 5}, -2, 2)}, with(3, {.stride = 2, .padding = 1})},
            {"padding that does not count",
             {uniform(g, {2, 2, 5}, -2, 2)},
             with(3, {.stride = 2, .padding = 1, .count_include_pad = false})},
            {"beyond the end", {uniform(g, {2, 6}, -2, 2)}, with(3, {.stride = 2, .padding = 1, .ceil_mode = true})},
            {"one sequence", {uniform(g, {5}, -2, 2)}, with(2, {.stride = 1})},
            {"no sequences", {uniform(g, {0, 2, 5}, -2, 2)}, with(2)}};
  }
  static catalogue::ErrorSamples errors() {
    return {
        {"no time", [] { (void)avg_pool1d(zeros({}), 2); }, "[avg_pool1d] expected x [.., L] with positions, got []"},
        {"no positions",
         [] {
           (void)avg_pool1d(zeros({2, 3, 0}), 1);
         },
         "[avg_pool1d] expected x [.., L] with positions, got [2, 3, 0]"},
        {"length",
         [] {
           (void)avg_pool1d(zeros({2, 3, 2}), 5, {.padding = 1});
         },
         "[avg_pool1d] the kernel spans 5 positions, x [2, 3, 2] with its padding has 4"},
        {"padding",
         [] {
           (void)avg_pool1d(zeros({2, 3, 8}), 3, {.padding = 2});
         },
         "[avg_pool1d] expected a padding from 0 to half the kernel size 3, got 2"},
        {"kernel", [] { (void)avg_pool1d(zeros({8}), 0); }, "[avg_pool1d] expected a kernel size of at least 1, got 0"},
        {"stride", [] { (void)avg_pool1d(zeros({8}), 2, {.stride = 0}); },
         "[avg_pool1d] expected a stride of at least 1, got 0"},
        {"integers", [] { (void)avg_pool1d(arange(8), 2); }, "[avg_pool1d] expected a floating tensor, got int64 [8]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[16, 64, 96], windows of 3",
            {catalogue::uniform(g, {16, 64, 96}, -2, 2)},
            catalogue::of([](const Tensor& x) { return avg_pool1d(x, 3, {.stride = 1, .padding = 1}); })};
  }
};

Tensor avg_pool1d(const Tensor& x, std::int64_t kernel_size, const AvgPool1dOptions& options) {
  return pool<AvgPool1d>(x, SlidingWindows{.kernel = kernel_size,
                                           .stride = options.stride.value_or(kernel_size),
                                           .padding = options.padding,
                                           .ceil_mode = options.ceil_mode,
                                           .count_include_pad = options.count_include_pad});
}

TAPEGRAD_CATALOGUE(pool, avg_pool1d, AvgPool1d)

}  // namespace tapegrad
