#include <fmt/format.h>

#include "ops/sort/chosen.hpp"
#include "tape/expect.hpp"
#include "tapegrad/base/error.hpp"

namespace tapegrad {

/// Two outputs: values, which carry the gradient, and int64 indices, which do not.
struct TopK : ChosenOp<TopK> {
  static constexpr std::string_view name = "topk";
  static constexpr std::string_view math =
      R"(y_j = x_{k_j},\ k = \text{the places of the } K \text{ largest (or smallest)};\quad \bar x_{k_j} = \bar y_j,\ \text{else } 0)";
  std::int64_t k;
  TopKOptions options;

  TopK(int d, std::int64_t count, const TopKOptions& how) : ChosenOp(d), k(count), options(how) {}

  std::array<Tensor, 2> forward(const Tensor& x) const {
    return choose(x, {.k = k, .descending = options.largest, .sorted = options.sorted});
  }
  void describe(AttributeVisitor& visitor) const {
    visitor("axis", axis);
    visitor("k", k);
    visitor("largest", options.largest);
    visitor("sorted", options.sorted);
  }

  static catalogue::Derivation derivation() {
    return {
        {"Definition", R"(y_j = x_{k_j},\quad x_i \le y_j \text{ for every other } i)",
         "the first K of a stable sort, without sorting the rest; where the smallest are asked for, $x_i \\ge y_j$"},
        {"Cotangent", R"(\bar x_i = \sum_j \bar y_j [i = k_j])",
         "while the chosen ones stay the same, y is a gather: its adjoint scatters"},
        {"Ties", R"(x_a = x_b = y_K)", "at the border the first is taken, and it alone gets the cotangent"}};
  }
  static catalogue::Samples samples(Generator& g) {
    using catalogue::scattered;
    const auto of_k = [](std::int64_t count, int d = -1, TopKOptions how = {}) {
      return catalogue::of([count, d, how](const Tensor& x) { return topk(x, count, d, how); });
    };
    return {{"last axis", {scattered(g, {3, 5}, -2, 2)}, of_k(2)},
            {"first axis, smallest", {scattered(g, {5, 2}, -2, 2)}, of_k(3, 0, {.largest = false})},
            {"middle axis, by position", {scattered(g, {2, 4, 2}, -2, 2)}, of_k(2, 1, {.sorted = false})},
            {"all", {scattered(g, {4}, -2, 2)}, of_k(4)},
            {"none", {scattered(g, {2, 3}, -2, 2)}, of_k(0)},
            {"ties at the border",
             {catalogue::vector64({1.0, 2.0, 1.0})},
             of_k(2),
             {.order = 1, .reason = "a kink", .kink = true}},
            {"no rows", {scattered(g, {0, 3}, -2, 2)}, of_k(1)}};
  }
  static catalogue::ErrorSamples errors() {
    return {
        {"k",
         [] {
           (void)topk(zeros({2, 3}), 4);
         },
         "[topk] expected 0 <= k <= 3 along axis 1 of [2, 3], got 4"},
        {"negative k", [] { (void)topk(zeros({3}), -1); }, "[topk] expected 0 <= k <= 3 along axis 0 of [3], got -1"},
        {"axis",
         [] {
           (void)topk(zeros({2, 3}), 1, -3);
         },
         "[topk] axis -3 is out of range for rank 2"},
        {"scalar", [] { (void)topk(zeros({}), 1); }, "[topk] axis -1 is out of range for rank 0"},
        {"bool", [] { (void)topk(zeros({2}, {.dtype = boolean}), 1); }, "[topk] bool [2] has no order"}};
  }
  static catalogue::Sample benchmark(Generator& g) {
    return {"8 of [256, 512]", {catalogue::uniform(g, {256, 512}, -2, 2)}, catalogue::of([](const Tensor& x) {
              return topk(x, 8);
            })};
  }
};

ValuesAndIndices topk(const Tensor& x, std::int64_t k, Axis axis, TopKOptions options) {
  const int d = axis_of(TopK::name, axis, x);
  if (k < 0 || k > x.shape()[d])
    throw ValueError(fmt::format("[topk] expected 0 <= k <= {} along axis {} of {}, got {}", x.shape()[d], d,
                                 to_string(x.shape()), k));
  return named(apply(TopK(d, k, options), x));
}

TAPEGRAD_CATALOGUE(sort, topk, TopK)

}  // namespace tapegrad
