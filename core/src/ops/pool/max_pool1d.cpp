#include "ops/pool/pool_op.hpp"

namespace tapegrad {

struct MaxPool1d : MaxPoolOp<MaxPool1d, SlidingWindows> {
  static constexpr std::string_view name = "max_pool1d";
  static constexpr std::string_view math =
      R"(y_i = x_{k_i},\ k_i = \mathrm{argmax}_{j \in W_i}\, x_j,\ W_i = \{i s - p,\ i s - p + d,\ \ldots,\ i s - p + (K - 1) d\};\quad \bar x_j = \sum_{i:\, k_i = j} \bar y_i)";
  using MaxPoolOp::MaxPoolOp;

  static catalogue::Derivation derivation() {
    return {{"Definition", R"(k_i = \mathrm{argmax}_{j \in W_i}\, x_j,\quad y_i = x_{k_i})",
             "window $W_i$ holds the K positions $i s - p$, $i s - p + d$, ... as far as they lie inside the sequence, "
             "with stride s, padding p and dilation d; of ties the first is chosen, and NaN before any number"},
            {"Cotangent", R"(\bar x_j = \sum_i \bar y_i\, [k_i = j])",
             "the position is locally constant, so y is a gather and its adjoint scatters; a position that is the "
             "largest of several windows collects from each"},
            {"Ties", R"(x_j = x_k = y_i,\ j < k \;\Rightarrow\; \bar x_j \mathrel{+}= \bar y_i)",
             "one subgradient of many: the one that belongs to the position returned, as in PyTorch"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::scattered;
    const auto with = [](std::int64_t kernel, const MaxPool1dOptions& options = {}) {
      return catalogue::of([=](const Tensor& x) { return max_pool1d_with_indices(x, kernel, options); });
    };
    return {
        {"side by side", {scattered(g, {2, 2, 6}, -2, 2)}, with(2)},
        {"overlapping", {scattered(g, {2, 2, 6}, -2, 2)}, with(3, {.stride = 1})},
        {"padding", {scattered(g, {2, 5}, -2, -1)}, with(3, {.stride = 2, .padding = 1})},
        {"dilation", {scattered(g, {2, 7}, -2, 2)}, with(3, {.stride = 1, .padding = 1, .dilation = 2})},
        {"beyond the end", {scattered(g, {2, 6}, -2, 2)}, with(3, {.stride = 2, .ceil_mode = true})},
        {"one sequence", {scattered(g, {5}, -2, 2)}, with(2, {.stride = 1})},
        {"ties", {catalogue::vector64({1.0, 2.0, 2.0, 0.5})}, with(4), {.order = 1, .reason = "a kink", .kink = true}},
        {"no sequences", {scattered(g, {0, 2, 5}, -2, 2)}, with(2)}};
  }
  static catalogue::ErrorSamples errors() {
    return {
        {"no positions",
         [] {
           (void)max_pool1d(zeros({2, 3, 0}), 1);
         },
         "[max_pool1d] expected x [.., L] with positions, got [2, 3, 0]"},
        {"length",
         [] {
           (void)max_pool1d(zeros({2, 3, 4}), 3, {.dilation = 2});
         },
         "[max_pool1d] the kernel spans 5 positions, x [2, 3, 4] with its padding has 4"},
        {"nothing but padding",
         [] {
           (void)max_pool1d(zeros({2, 3, 1}), 2, {.padding = 1, .dilation = 2});
         },
         "[max_pool1d] a window of 2 positions 2 apart holds nothing but padding of x [2, 3, 1]"},
        {"padding", [] { (void)max_pool1d(zeros({8}), 3, {.padding = -1}); },
         "[max_pool1d] expected a padding from 0 to half the kernel size 3, got -1"},
        {"integers", [] { (void)max_pool1d(arange(8), 2); }, "[max_pool1d] expected a floating tensor, got int64 [8]"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"[16, 64, 96], windows of 3",
            {catalogue::uniform(g, {16, 64, 96}, -2, 2)},
            catalogue::of([](const Tensor& x) { return max_pool1d(x, 3, {.stride = 2, .padding = 1}); })};
  }
};

ValuesAndIndices max_pool1d_with_indices(const Tensor& x, std::int64_t kernel_size, const MaxPool1dOptions& options) {
  return named(pool<MaxPool1d>(x, SlidingWindows{.kernel = kernel_size,
                                                 .stride = options.stride.value_or(kernel_size),
                                                 .padding = options.padding,
                                                 .dilation = options.dilation,
                                                 .ceil_mode = options.ceil_mode}));
}

Tensor max_pool1d(const Tensor& x, std::int64_t kernel_size, const MaxPool1dOptions& options) {
  return max_pool1d_with_indices(x, kernel_size, options).values;
}

TAPEGRAD_CATALOGUE(pool, max_pool1d, MaxPool1d)

}  // namespace tapegrad
